import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;

/** A server and one call to it; knows nothing of tracing, which the agent adds. Prints what the call carried. */
public final class Shop {
  public static void main(String[] arguments) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/checkout",
        exchange -> {
          byte[] carried = exchange.getRequestHeaders().getFirst("traceparent").getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(402, carried.length);
          exchange.getResponseBody().write(carried);
          exchange.close();
        });
    server.start();
    int port = server.getAddress().getPort();
    URI uri = URI.create("http://localhost:" + port + "/checkout?user=ann");
    HttpRequest request = HttpRequest.newBuilder(uri).header("User-Agent", "till/7").build();
    String[] carried =
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body().split("-");
    server.stop(0);
    System.out.printf(
        "{\"trace\":\"%s\",\"client\":\"%s\",\"port\":%d,\"pid\":%d}%n",
        carried[1], carried[2], port, ProcessHandle.current().pid());
  }
}
