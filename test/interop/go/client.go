package main

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"
)

const (
	getMethod  = "/proto.KeyValueStore/Get"
	setMethod  = "/proto.KeyValueStore/Set"
	watchCalls = "/grpc.health.v1.Health/Watch"
	reflected  = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
)

// client is one connection, and notices when it is lost.
type client struct {
	endpoint string
	channel  *grpc.ClientConn
	results  *results
	closing  atomic.Bool
}

func dialAll(o options, r *results) ([]*client, error) {
	clients := []*client{}
	for _, endpoint := range o.endpoints {
		c, err := dial(endpoint, o, r)
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

func dial(endpoint string, o options, r *results) (*client, error) {
	c := &client{endpoint: endpoint, results: r}
	given := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(1<<30)),
		grpc.WithStatsHandler(c),
		grpc.WithIdleTimeout(0),
		// As often as grpc-go lets one.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 10 * time.Second, Timeout: 20 * time.Second, PermitWithoutStream: true,
		}),
	}
	if o.windowBytes > 0 {
		window := int32(o.windowBytes)
		given = append(given, grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window))
	}
	channel, err := grpc.NewClient("passthrough:///"+endpoint, given...)
	c.channel = channel
	return c, err
}

func (c *client) close() {
	c.closing.Store(true)
	c.channel.Close()
}

func (c *client) call(
	ctx context.Context, method string, request []byte, given ...grpc.CallOption,
) ([]byte, error) {
	var response []byte
	err := c.channel.Invoke(ctx, method, request, &response, given...)
	return response, err
}

// The four methods of stats.Handler.

func (c *client) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (c *client) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, ended := event.(*stats.ConnEnd); ended && !c.closing.Load() {
		c.results.disconnected()
	}
}

func (c *client) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (c *client) HandleRPC(context.Context, stats.RPCStats) {}
