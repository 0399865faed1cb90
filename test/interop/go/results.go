package main

import (
	"sort"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/status"
)

const (
	messagesMax = 10
	// timesMax bounds what is kept of the times of one pattern; past it every second one is dropped, again and again.
	timesMax = 1 << 20
)

// results are what all patterns count together.
type results struct {
	mutex       sync.Mutex
	patterns    map[string]*counts
	errors      map[string]int
	cut         map[string]int
	messages    []string
	goaways     int
	disconnects int
}

type counts struct {
	Calls  int `json:"calls"`
	Errors int `json:"errors"`
	Cut    int `json:"cut"`
	times  []time.Duration
	// stride: of how many calls that succeeded one time is kept.
	stride int
}

type times struct {
	Calls int     `json:"calls"`
	P50Ms float64 `json:"p50Ms"`
	P99Ms float64 `json:"p99Ms"`
	MaxMs float64 `json:"maxMs"`
}

type summary struct {
	Ok          bool               `json:"ok"`
	Seconds     float64            `json:"seconds"`
	Calls       int                `json:"calls"`
	Errors      map[string]int     `json:"errors"`
	Cut         map[string]int     `json:"cut"`
	Messages    []string           `json:"messages"`
	Disconnects int                `json:"disconnects"`
	Goaways     int                `json:"goaways"`
	Get         times              `json:"get"`
	Put         times              `json:"put"`
	Patterns    map[string]*counts `json:"patterns"`
}

func newResults() *results {
	return &results{
		patterns: map[string]*counts{},
		errors:   map[string]int{},
		cut:      map[string]int{},
		messages: []string{},
	}
}

// ended counts a call. mayFail says whether this error is one that the client made itself or asked for.
func (r *results) ended(pattern string, took time.Duration, err error, mayFail bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	of := r.patterns[pattern]
	if of == nil {
		of = &counts{stride: 1}
		r.patterns[pattern] = of
	}
	of.Calls++
	code := status.Code(err).String()
	switch {
	case err == nil:
		of.keep(took)
	case mayFail:
		of.Cut++
		r.cut[code]++
	default:
		of.Errors++
		r.errors[code]++
		if strings.Contains(strings.ToLower(err.Error()), "goaway") {
			r.goaways++
		}
		if len(r.messages) < messagesMax {
			r.messages = append(r.messages, pattern+": "+err.Error())
		}
	}
}

func (c *counts) keep(took time.Duration) {
	if (c.Calls-c.Errors-c.Cut)%c.stride != 0 {
		return
	}
	c.times = append(c.times, took)
	if len(c.times) < timesMax {
		return
	}
	for at := 0; at < timesMax/2; at++ {
		c.times[at] = c.times[2*at]
	}
	c.times = c.times[:timesMax/2]
	c.stride *= 2
}

func (r *results) disconnected() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.disconnects++
}

func (r *results) summary(took time.Duration) summary {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	s := summary{
		Seconds: took.Seconds(), Errors: r.errors, Cut: r.cut, Messages: r.messages,
		Disconnects: r.disconnects, Goaways: r.goaways, Patterns: r.patterns,
		Get: r.timesOf("get"), Put: r.timesOf("put"),
	}
	for _, of := range r.patterns {
		s.Calls += of.Calls
	}
	s.Ok = len(r.errors) == 0 && r.disconnects == 0
	return s
}

func (r *results) timesOf(pattern string) times {
	of := r.patterns[pattern]
	if of == nil || len(of.times) == 0 {
		return times{}
	}
	sort.Slice(of.times, func(i, j int) bool { return of.times[i] < of.times[j] })
	at := func(part float64) float64 {
		return float64(of.times[int(part*float64(len(of.times)-1))].Microseconds()) / 1000
	}
	return times{Calls: of.Calls - of.Errors - of.Cut, P50Ms: at(0.5), P99Ms: at(0.99), MaxMs: at(1)}
}
