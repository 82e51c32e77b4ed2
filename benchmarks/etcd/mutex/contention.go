package main

import (
	"container/list"
	"sync"
	"time"
)

// contention watches the callers of one lock, told at each of their steps. It counts what the benchmark counts of
// everybody else: see contention.ts.
type contention struct {
	mutex       sync.Mutex
	waiting     *list.List // of callers, in the order of asking
	late        map[*list.Element]bool
	releasedAt  time.Time
	releasedBy  int
	handOversMs []float64
	counted     int
	overtakings int
}

func newContention() *contention {
	return &contention{waiting: list.New(), late: map[*list.Element]bool{}}
}

// asks notes the request of a caller and returns its place.
func (c *contention) asks(caller int) *list.Element {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	place := c.waiting.PushBack(caller)
	c.late[place] = !c.releasedAt.IsZero()
	return place
}

// granted notes that the request at this place was granted, and that its release is about to be sent: the lock is
// held for no time.
func (c *contention) granted(place *list.Element) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := time.Now()
	caller := place.Value.(int)
	if !c.releasedAt.IsZero() && c.releasedBy != caller {
		c.handOversMs = append(c.handOversMs, milliseconds(now.Sub(c.releasedAt)))
	}
	c.releasedAt = now
	c.releasedBy = caller
	if c.late[place] {
		c.counted++
		if c.waiting.Front() != place {
			c.overtakings++
		}
	}
	delete(c.late, place)
	c.waiting.Remove(place)
}

// result tells what it saw in so long.
func (c *contention) result(elapsed time.Duration) map[string]any {
	return map[string]any{
		"handOversPerSecond": float64(len(c.handOversMs)) / elapsed.Seconds(),
		"handOverP50Ms":      percentile(c.handOversMs, 0.5),
		"handOverP99Ms":      percentile(c.handOversMs, 0.99),
		"overtakingPercent":  100 * float64(c.overtakings) / float64(max(c.counted, 1)),
	}
}
