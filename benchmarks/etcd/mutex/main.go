// Measures concurrency.Mutex: mutex ENDPOINT CALLERS MILLISECONDS CONTENDED. Prints one JSON object with
// perSecond, p50Ms, p99Ms and cycles.
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
	callers, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	durationMs, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	contended := os.Args[4] == "true"
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	// A mutex belongs to a session; callers that share one would all be its owner.
	sessions := make([]*concurrency.Session, callers)
	for i := range sessions {
		if sessions[i], err = concurrency.NewSession(client, concurrency.WithTTL(ttlSeconds)); err != nil {
			log.Fatal(err)
		}
		defer sessions[i].Close()
	}

	var mutex sync.Mutex
	var tookMs []float64
	var group sync.WaitGroup
	start := time.Now()
	end := start.Add(time.Duration(durationMs) * time.Millisecond)
	for i := range callers {
		group.Add(1)
		go func() {
			defer group.Done()
			key := "mutex/one"
			if !contended {
				key = fmt.Sprintf("mutex/%d", i)
			}
			own := measured(concurrency.NewMutex(sessions[i], key), end)
			mutex.Lock()
			tookMs = append(tookMs, own...)
			mutex.Unlock()
		}()
	}
	group.Wait()
	elapsed := time.Since(start).Seconds()
	sort.Float64s(tookMs)
	at := func(share float64) float64 { return tookMs[min(len(tookMs)-1, int(float64(len(tookMs))*share))] }
	err = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"perSecond": float64(len(tookMs)) / elapsed,
		"p50Ms":     at(0.5),
		"p99Ms":     at(0.99),
		"cycles":    len(tookMs),
	})
	if err != nil {
		log.Fatal(err)
	}
}

// measured locks and unlocks until the end, and tells how long each cycle took.
func measured(lock *concurrency.Mutex, end time.Time) []float64 {
	var tookMs []float64
	for from := time.Now(); from.Before(end); {
		if err := lock.Lock(context.Background()); err != nil {
			log.Fatal(err)
		}
		if err := lock.Unlock(context.Background()); err != nil {
			log.Fatal(err)
		}
		to := time.Now()
		tookMs = append(tookMs, float64(to.Sub(from).Microseconds())/1_000)
		from = to
	}
	return tookMs
}
