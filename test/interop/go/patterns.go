package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// run is one pattern at one endpoint.
type run struct {
	*client
	options
	// stop ends the pattern, not its calls.
	stop context.Context
	name string
}

var patternOrder = []string{
	"get", "put", "large", "huge", "cancel", "deadline", "watches", "reflection", "upload", "reconnect", "keepalive",
}

var patterns = map[string]func(*run){
	"get":        (*run).gets,
	"put":        (*run).puts,
	"large":      func(r *run) { r.reads(r.valueBytes) },
	"huge":       func(r *run) { r.reads(r.hugeBytes) },
	"cancel":     (*run).cancels,
	"deadline":   (*run).deadlines,
	"watches":    (*run).watches,
	"reflection": (*run).reflections,
	"upload":     (*run).uploads,
	"reconnect":  (*run).reconnects,
	"keepalive":  (*run).keepalives,
}

func (r *run) going() bool { return r.stop.Err() == nil }

// rest lasts for some pauses, unless the pattern is to stop.
func (r *run) rest(pauses int) {
	if r.pause <= 0 {
		return
	}
	select {
	case <-time.After(time.Duration(pauses) * r.pause):
	case <-r.stop.Done():
	}
}

func (r *run) key(what string) string { return fmt.Sprintf("go-%s-%s-%s", r.name, what, r.endpoint) }

// counted does one call and counts it.
func (r *run) counted(act func() error, mayFail func(codes.Code) bool) error {
	began := time.Now()
	err := act()
	r.results.ended(r.name, time.Since(began), err, mayFail(status.Code(err)))
	return err
}

// outOfTime are the codes of Kvorum for a call whose time is nearly over: the member waits a little less than the
// client does.
var outOfTime = map[string]bool{"DEADLINE_EXCEEDED": true, "OUTCOME_UNKNOWN": true, "NO_LEADER": true}

// givenUp counts a call that the client gives up, unless it is answered before.
func (r *run) givenUp(act func(trailers *metadata.MD) error) {
	var trailers metadata.MD
	r.counted(func() error { return act(&trailers) }, func(code codes.Code) bool {
		if said := trailers.Get("kvorum-error"); len(said) > 0 {
			// A read may have come before the first write of its key.
			return outOfTime[said[0]] || code == codes.NotFound
		}
		return cutShort(code)
	})
}

func never(codes.Code) bool { return false }

func cutShort(code codes.Code) bool { return code == codes.Canceled || code == codes.DeadlineExceeded }

// succeeds is a call that must not fail.
func (r *run) succeeds(method string, request []byte) ([]byte, error) {
	var response []byte
	err := r.counted(func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), r.callTimeout)
		defer cancel()
		response, err = r.call(ctx, method, request)
		return err
	}, never)
	return response, err
}

// together runs act in many goroutines.
func together(count int, act func(number int)) {
	var running sync.WaitGroup
	for number := 0; number < count; number++ {
		running.Add(1)
		go func() {
			defer running.Done()
			act(number)
		}()
	}
	running.Wait()
}

func (r *run) gets() {
	r.succeeds(setMethod, setRequest(r.key("key"), []byte("value")))
	for r.going() {
		r.succeeds(getMethod, getRequest(r.key("key")))
		r.rest(1)
	}
}

func (r *run) puts() {
	for number := 0; r.going(); number++ {
		r.succeeds(setMethod, setRequest(r.key(fmt.Sprint(number%1000)), bytes.Repeat([]byte("v"), 100)))
		r.rest(1)
	}
}

// reads gets one value again and again, with writes beside it.
func (r *run) reads(sizeBytes int) {
	value := bytes.Repeat([]byte("l"), sizeBytes)
	if _, err := r.succeeds(setMethod, setRequest(r.key("key"), value)); err != nil {
		return
	}
	together(2, func(number int) {
		for ; r.going(); r.rest(1) {
			if number == 1 {
				r.succeeds(setMethod, setRequest(r.key("beside"), value))
				continue
			}
			response, err := r.succeeds(getMethod, getRequest(r.key("key")))
			if err != nil {
				continue
			}
			if found, err := valueOf(response); err != nil || !bytes.Equal(found, value) {
				r.results.ended(r.name, 0, fmt.Errorf("%d bytes came back: %v", len(found), err), false)
			}
		}
	})
}

// cancels gives calls up: by a deadline, or, unknown to the server, by a cancellation.
func (r *run) cancels() {
	together(r.goroutines, func(number int) {
		for count := number; r.going(); count++ {
			r.givenUp(func(trailers *metadata.MD) error {
				ctx, cancel := context.WithCancel(context.Background())
				if count%2 == 0 {
					ctx, cancel = context.WithTimeout(context.Background(), r.cancelAfter)
				} else {
					timer := time.AfterFunc(r.cancelAfter, cancel)
					defer timer.Stop()
				}
				defer cancel()
				return r.getOrSet(ctx, count/2, trailers)
			})
			r.rest(1)
		}
	})
}

func (r *run) deadlines() {
	together(r.goroutines, func(number int) {
		for count := number; r.going(); count++ {
			r.givenUp(func(trailers *metadata.MD) error {
				ctx, cancel := context.WithTimeout(context.Background(), r.deadline)
				defer cancel()
				return r.getOrSet(ctx, count, trailers)
			})
			r.rest(1)
		}
	})
}

func (r *run) getOrSet(ctx context.Context, count int, trailers *metadata.MD) error {
	key := r.key(fmt.Sprint(count % 100))
	if count%2 == 0 {
		_, err := r.call(ctx, getMethod, getRequest(key), grpc.Trailer(trailers))
		return err
	}
	_, err := r.call(ctx, setMethod, setRequest(key, []byte("value")), grpc.Trailer(trailers))
	return err
}

var streaming = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// watches opens many streams and ends all of them at once.
func (r *run) watches() {
	for ; r.going(); r.rest(50) {
		all, cancel := context.WithCancel(context.Background())
		var opened sync.WaitGroup
		opened.Add(r.streams)
		go func() {
			opened.Wait()
			cancel()
		}()
		together(r.streams, func(int) {
			r.counted(func() error {
				stream, err := r.watch(all)
				opened.Done()
				if err != nil {
					// In words: not one that was cut short.
					return fmt.Errorf("the watch did not begin: %v", err)
				}
				var status []byte
				return stream.RecvMsg(&status)
			}, cutShort)
		})
	}
}

// watch opens a health watch and takes its first message.
func (r *run) watch(ctx context.Context) (grpc.ClientStream, error) {
	stream, err := r.channel.NewStream(ctx, streaming, watchCalls)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg([]byte{}); err != nil {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	var first []byte
	return stream, stream.RecvMsg(&first)
}

func (r *run) reflections() {
	together(10, func(int) {
		for r.going() {
			r.counted(r.reflect, never)
			r.rest(1)
		}
	})
}

// reflect asks twice on one stream and ends it.
func (r *run) reflect() error {
	ctx, cancel := context.WithTimeout(context.Background(), r.callTimeout)
	defer cancel()
	stream, err := r.channel.NewStream(ctx, streaming, reflected)
	if err != nil {
		return err
	}
	var answer []byte
	for round := 0; round < 2; round++ {
		if err := stream.SendMsg(listServices()); err != nil {
			return err
		}
		if err := stream.RecvMsg(&answer); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := stream.RecvMsg(&answer); err != io.EOF {
		return fmt.Errorf("after the end of a reflection: %v", err)
	}
	return nil
}

// uploads sends what the server refuses while it is being sent.
func (r *run) uploads() {
	tooLarge := setRequest(r.key("key"), make([]byte, 8*1024*1024))
	unknown := make([]byte, 128*1024)
	together(max(1, r.goroutines/5), func(number int) {
		for ; r.going(); r.rest(1) {
			method, request, awaited := "/proto.KeyValueStore/Nothing", unknown, codes.Unimplemented
			if number%10 == 0 {
				method, request, awaited = setMethod, tooLarge, codes.ResourceExhausted
			}
			r.counted(func() error {
				ctx, cancel := context.WithTimeout(context.Background(), r.callTimeout)
				defer cancel()
				_, err := r.call(ctx, method, request)
				if err == nil {
					return fmt.Errorf("%s took what it cannot take", method)
				}
				return err
			}, func(code codes.Code) bool { return code == awaited })
		}
	})
}

// reconnects uses connections of its own, and closes each with calls open.
func (r *run) reconnects() {
	for ; r.going(); r.rest(50) {
		fresh, err := dial(r.endpoint, r.options, r.results)
		if err != nil {
			r.results.ended(r.name, 0, err, false)
			return
		}
		own := &run{client: fresh, options: r.options, stop: r.stop, name: r.name}
		for count := 0; count < 5; count++ {
			own.succeeds(setMethod, setRequest(r.key(fmt.Sprint(count)), []byte("value")))
		}
		ctx, cancel := context.WithCancel(context.Background())
		for count := 0; count < 20; count++ {
			own.counted(func() error {
				_, err := own.watch(ctx)
				return err
			}, never)
		}
		fresh.close()
		cancel()
	}
}

// keepalives holds a connection that says nothing but pings, and sees that it still serves in the end.
func (r *run) keepalives() {
	idle, err := dial(r.endpoint, r.options, r.results)
	if err != nil {
		r.results.ended(r.name, 0, err, false)
		return
	}
	defer idle.close()
	own := &run{client: idle, options: r.options, stop: r.stop, name: r.name}
	own.succeeds(setMethod, setRequest(r.key("key"), []byte("value")))
	<-r.stop.Done()
	own.succeeds(getMethod, getRequest(r.key("key")))
}
