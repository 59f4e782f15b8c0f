// Tells what OpenTelemetry's sampler for Java samples, again and again. Usage: java Sample.java URL SERVICE

import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.sdk.extension.trace.jaeger.sampler.JaegerRemoteSampler;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.time.Duration;

public final class Sample {
  private static final int SPANS = 1000;

  public static void main(String[] arguments) throws InterruptedException {
    Sampler sampler =
        JaegerRemoteSampler.builder()
            .setEndpoint(arguments[0])
            .setServiceName(arguments[1])
            .setPollingInterval(Duration.ofMillis(100))
            .setInitialSampler(Sampler.alwaysOff())
            .build();
    Tracer tracer = SdkTracerProvider.builder().setSampler(sampler).build().get("e2e");
    while (true) {
      System.out.printf("{\"one\": %d, \"two\": %d}%n", count(tracer, "one"), count(tracer, "two"));
      Thread.sleep(100);
    }
  }

  private static int count(Tracer tracer, String name) {
    int sampled = 0;
    for (int span = 0; span < SPANS; span++) {
      if (tracer.spanBuilder(name).setNoParent().startSpan().isRecording()) {
        sampled++;
      }
    }
    return sampled;
  }
}
