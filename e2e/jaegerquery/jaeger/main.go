// Jaeger's own query service and clients, as its module has them.
//
// Served, Fanal is its storage: the storage is asked over jaeger.storage.v2, and people and programs ask Jaeger as ever.
// Asking, its clients make the calls of api_v2 and api_v3 at an address, Fanal's or Jaeger's. The path of this module is
// below Jaeger's, because Go lets only such modules import its internal packages.
//
//	jaeger serve STORAGE_ADDRESS HTTP_ADDRESS GRPC_ADDRESS
//	jaeger ask ADDRESS SERVICE TRACE_ID END_MICROS
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"

	"github.com/jaegertracing/jaeger/cmd/query/app"
	"github.com/jaegertracing/jaeger/cmd/query/app/querysvc"
	querysvcv2 "github.com/jaegertracing/jaeger/cmd/query/app/querysvc/v2/querysvc"
	"github.com/jaegertracing/jaeger/internal/storage/metricstore/disabled"
	"github.com/jaegertracing/jaeger/internal/storage/v2/grpc"
	"github.com/jaegertracing/jaeger/internal/telemetry"
	"github.com/jaegertracing/jaeger/internal/tenancy"
)

func main() {
	err := errors.New("usage: jaeger serve|ask with four words")
	if len(os.Args) == 5 && os.Args[1] == "serve" {
		err = serve(os.Args[2], os.Args[3], os.Args[4])
	}
	if len(os.Args) == 6 && os.Args[1] == "ask" {
		err = ask(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(storage, http, grpcAddress string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	telset := telemetry.NoopSettings()
	logger, err := zap.NewProduction()
	if err != nil {
		return err
	}
	telset.Logger = logger

	config := grpc.DefaultConfig()
	config.ClientConfig.Endpoint = storage
	config.ClientConfig.TLS.Insecure = true
	factory, err := grpc.NewFactory(ctx, config, telset)
	if err != nil {
		return err
	}
	defer factory.Close()
	traces, err := factory.CreateTraceReader()
	if err != nil {
		return err
	}
	dependencies, err := factory.CreateDependencyReader()
	if err != nil {
		return err
	}
	metrics, err := disabled.NewMetricsReader()
	if err != nil {
		return err
	}

	options := app.DefaultQueryOptions()
	options.HTTP.Endpoint = http
	options.GRPC.NetAddr.Endpoint = grpcAddress
	server, err := app.NewServer(
		ctx,
		querysvc.NewQueryService(traces, dependencies, querysvc.QueryServiceOptions{}),
		querysvcv2.NewQueryService(traces, dependencies, querysvcv2.QueryServiceOptions{}),
		metrics,
		&options,
		tenancy.NewManager(&options.Tenancy),
		telset,
	)
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return server.Close()
}
