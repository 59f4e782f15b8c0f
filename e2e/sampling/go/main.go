// Tells what OpenTelemetry's sampler for Go samples, again and again. Usage: client URL SERVICE
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/contrib/samplers/jaegerremote"
	"go.opentelemetry.io/otel/sdk/trace"
)

const spans = 1000

func main() {
	sampler := jaegerremote.New(
		os.Args[2],
		jaegerremote.WithSamplingServerURL(os.Args[1]),
		jaegerremote.WithSamplingRefreshInterval(100*time.Millisecond),
		jaegerremote.WithInitialSampler(trace.NeverSample()),
	)
	tracer := trace.NewTracerProvider(trace.WithSampler(sampler)).Tracer("e2e")
	count := func(name string) int {
		sampled := 0
		for range spans {
			if _, span := tracer.Start(context.Background(), name); span.IsRecording() {
				sampled++
			}
		}
		return sampled
	}
	for {
		fmt.Printf("{\"one\": %d, \"two\": %d}\n", count("one"), count("two"))
		time.Sleep(100 * time.Millisecond)
	}
}
