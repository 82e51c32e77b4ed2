// Measures concurrency.Mutex: mutex ENDPOINT CALLERS MILLISECONDS CONTENDED. Prints one JSON object with
// perSecond, p50Ms, p99Ms and cycles, and with contention where all callers want one lock.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

const ttlSeconds = 15

func main() {
	endpoint := os.Args[1]
	callers := must(strconv.Atoi(os.Args[2]))
	duration := time.Duration(must(strconv.Atoi(os.Args[3]))) * time.Millisecond
	contended := os.Args[4] == "true"
	client := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}}))
	defer client.Close()

	// A mutex belongs to a session; callers that share one would all be its owner.
	locks := make([]*concurrency.Mutex, callers)
	for i := range locks {
		session := must(concurrency.NewSession(client, concurrency.WithTTL(ttlSeconds)))
		defer session.Close()
		key := "mutex/one"
		if !contended {
			key = fmt.Sprintf("mutex/%d", i)
		}
		locks[i] = concurrency.NewMutex(session, key)
	}
	if err := json.NewEncoder(os.Stdout).Encode(measure(locks, duration, contended)); err != nil {
		log.Fatal(err)
	}
}

// measure lets every caller lock and unlock its mutex for so long.
func measure(locks []*concurrency.Mutex, duration time.Duration, contended bool) map[string]any {
	var mutex sync.Mutex
	var tookMs []float64
	var group sync.WaitGroup
	seen := newContention()
	start := time.Now()
	end := start.Add(duration)
	for caller, lock := range locks {
		group.Go(func() {
			own := cycles(lock, caller, end, seen)
			mutex.Lock()
			tookMs = append(tookMs, own...)
			mutex.Unlock()
		})
	}
	group.Wait()
	elapsed := time.Since(start)
	round := map[string]any{
		"perSecond": float64(len(tookMs)) / elapsed.Seconds(),
		"p50Ms":     percentile(tookMs, 0.5),
		"p99Ms":     percentile(tookMs, 0.99),
		"cycles":    len(tookMs),
	}
	if contended {
		round["contention"] = seen.result(elapsed)
	}
	return round
}

// cycles locks and unlocks until the end, and tells how long each cycle took.
func cycles(lock *concurrency.Mutex, caller int, end time.Time, seen *contention) []float64 {
	var tookMs []float64
	for from := time.Now(); from.Before(end); {
		place := seen.asks(caller)
		if err := lock.Lock(context.Background()); err != nil {
			log.Fatal(err)
		}
		seen.granted(place)
		if err := lock.Unlock(context.Background()); err != nil {
			log.Fatal(err)
		}
		to := time.Now()
		tookMs = append(tookMs, milliseconds(to.Sub(from)))
		from = to
	}
	return tookMs
}

// percentile sorts the values; it gives nil of nothing.
func percentile(values []float64, share float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sort.Float64s(values)
	return &values[min(len(values)-1, int(float64(len(values))*share))]
}

func milliseconds(duration time.Duration) float64 {
	return float64(duration.Microseconds()) / 1_000
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
