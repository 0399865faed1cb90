// A client on grpc-go that does what honest Go programs do, and counts what comes of it: no generated code, only the
// field numbers of the protocols.
//
//	client -endpoints=HOST:PORT[,HOST:PORT...] [flags]
//
// Without -load each pattern has -seconds to itself, with the patterns get and put beside it on the same connections.
// With -load all of them run at once for -seconds. Calls that are on their way at the end are waited for.
//
//	-endpoints     members; one connection each, which all patterns share as behind a proxy
//	-load          all patterns at once
//	-seconds       how long: with -load in all, without it for each pattern; 2
//	-patterns      comma-separated, of those below; all
//	-goroutines    of cancel and deadline, each, and a fifth of it of upload; 50
//	-cancel-after  how long a call of cancel may take before the client gives it up; 3ms
//	-deadline      of a call of deadline; 1ms
//	-streams       that watches opens and ends at once; 2500
//	-value-bytes   of the value that large reads; 20480
//	-huge-bytes    of the value that huge writes and reads; 1048576
//	-window-bytes  fixed HTTP/2 windows; 0: grpc-go measures the line by pings and lets them grow
//	-pause         of each goroutine between two calls, and fifty times that between two rounds of watches and
//	               reconnect; 0, with -load 20ms
//	-call-timeout  of calls that are to succeed; 20s
//
// The patterns:
//
//	get, put       one goroutine each, small values: the calls whose times are told
//	large, huge    reads of one value by one goroutine, with writes beside them
//	cancel         calls that are given up, half of them by a deadline that the server is told, half without one
//	deadline       calls whose deadline is too short
//	watches        health watches, thousands at once, ended by one cancellation
//	reflection     bidirectional streams that end as they should
//	upload         requests that the server refuses before they have come whole
//	reconnect      connections that are made, used for a few calls and closed with calls open
//	keepalive      a connection that has nothing but keepalive pings every ten seconds
//
// The last line on stdout is one JSON object:
//
//	ok           no call failed, no connection was lost; the exit status is 0 then, else 1 (2: wrong flags)
//	seconds      it took
//	calls        all of them, also those that the client cut short
//	errors       calls that failed although they should not have: their number by status code
//	cut          calls that the client cut short itself, or that were to be refused: their number by status code
//	messages     of the first ten errors, each with its pattern
//	disconnects  connections that ended before the client closed them
//	goaways      errors that speak of a GOAWAY
//	get, put     {calls, p50Ms, p99Ms, maxMs} of the calls that succeeded
//	patterns     name: {calls, errors, cut}
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

type options struct {
	endpoints   []string
	load        bool
	seconds     float64
	patterns    map[string]bool
	goroutines  int
	cancelAfter time.Duration
	deadline    time.Duration
	streams     int
	valueBytes  int
	hugeBytes   int
	windowBytes int
	pause       time.Duration
	callTimeout time.Duration
}

func main() {
	o, err := readOptions()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	began := time.Now()
	results := newResults()
	clients, err := dialAll(o, results)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if o.load {
		runTogether(o, clients, allPatterns(o))
	} else {
		for _, each := range allPatterns(o) {
			runTogether(o, clients, beside(o, each))
		}
	}
	for _, c := range clients {
		c.close()
	}
	summary := results.summary(time.Since(began))
	line, err := json.Marshal(summary)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
	if !summary.Ok {
		os.Exit(1)
	}
}

func readOptions() (options, error) {
	o := options{patterns: map[string]bool{}}
	endpoints := flag.String("endpoints", "", "members, HOST:PORT, comma-separated")
	names := flag.String("patterns", "", "which patterns, comma-separated; all unless told")
	flag.BoolVar(&o.load, "load", false, "all patterns at once")
	flag.Float64Var(&o.seconds, "seconds", 2, "how long: in all with -load, else for each pattern")
	flag.IntVar(&o.goroutines, "goroutines", 50, "of cancel and deadline, each, and a fifth of it of upload")
	flag.DurationVar(&o.cancelAfter, "cancel-after", 3*time.Millisecond, "when a call of cancel is given up")
	flag.DurationVar(&o.deadline, "deadline", time.Millisecond, "of a call of deadline")
	flag.IntVar(&o.streams, "streams", 2500, "that watches opens and ends at once")
	flag.IntVar(&o.valueBytes, "value-bytes", 20*1024, "of the value that large reads")
	flag.IntVar(&o.hugeBytes, "huge-bytes", 1024*1024, "of the value that huge writes and reads")
	flag.IntVar(&o.windowBytes, "window-bytes", 0, "fixed HTTP/2 windows; 0: they grow")
	flag.DurationVar(&o.pause, "pause", -1, "of each goroutine between two calls")
	flag.DurationVar(&o.callTimeout, "call-timeout", 20*time.Second, "of calls that are to succeed")
	flag.Parse()
	if o.pause < 0 && o.load {
		o.pause = 20 * time.Millisecond
	}
	o.endpoints = strings.FieldsFunc(*endpoints, func(r rune) bool { return r == ',' })
	if len(o.endpoints) == 0 || flag.NArg() > 0 {
		return o, fmt.Errorf("-endpoints=HOST:PORT[,HOST:PORT...] is needed, and nothing but flags")
	}
	for _, name := range strings.FieldsFunc(*names, func(r rune) bool { return r == ',' }) {
		if _, known := patterns[name]; !known {
			return o, fmt.Errorf("there is no pattern %s", name)
		}
		o.patterns[name] = true
	}
	return o, nil
}

// allPatterns are those that were asked for, in the order of their documentation.
func allPatterns(o options) []string {
	asked := []string{}
	for _, name := range patternOrder {
		if len(o.patterns) == 0 || o.patterns[name] {
			asked = append(asked, name)
		}
	}
	return asked
}

// beside is one pattern with the well-behaved ones that must not suffer from it.
func beside(o options, name string) []string {
	if name == "get" || name == "put" {
		return []string{name}
	}
	return []string{"get", "put", name}
}

// runTogether runs patterns against every endpoint until the time is over and their calls have ended.
func runTogether(o options, clients []*client, names []string) {
	stop, cancel := context.WithTimeout(context.Background(), time.Duration(o.seconds*float64(time.Second)))
	defer cancel()
	var running sync.WaitGroup
	for _, c := range clients {
		for _, name := range names {
			running.Add(1)
			go func() {
				defer running.Done()
				patterns[name](&run{client: c, options: o, stop: stop, name: name})
			}()
		}
	}
	running.Wait()
}
