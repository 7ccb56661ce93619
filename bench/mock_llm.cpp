/// An OpenAI-compatible upstream that does what the model's name says: the scripted provider of
/// the demo, the system tests and the stream bench. One epoll thread holds 10,000 streams.
///
///   POST /v1/chat/completions   streamed or not
///   GET  /v1/models             a few names to choose from
///   GET  /stats                 counters: requests, open sockets and streams, tokens, calls by
///   model GET  /last                  {headers, body, bytes} of the last completion request
///
/// A model's name is `mock` and words joined by `-`: what is said (`t<tokens>` stamped, `echo`,
/// else a friendly answer), its pace (`i<ms>` between tokens, `f<ms>` before the first, `b<bytes>`
/// a token) and its faults, e.g. `mock-t100-i200-b64`, `mock-t20-resetafter5`,
/// `mock-refuse429-for2`. All words stand in load/mock_model.cpp, from where `--help` prints them;
/// an unknown word is 404 model_not_found. A stamped token is ` <seq>:<monotonic ns>....`
/// (load/token_stamp.hpp). `max_tokens` is honoured. Prints `listening 127.0.0.1:PORT` once it
/// listens.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "bench/load/event_loop.hpp"
#include "bench/load/mock_model.hpp"
#include "bench/load/mock_server.hpp"

int main(int argument_count, char** arguments) {
  namespace bench = parley::bench;
  bench::mock_options options;
  uint32_t seconds = 0;
  CLI::App app{"An OpenAI-compatible upstream that does what the model's name says."};
  app.add_option("--port", options.port, "on 127.0.0.1; 0: any free one, printed");
  app.add_option("--seconds", seconds, "end after so long; 0: at SIGINT or SIGTERM");
  app.add_option("--api-key", options.api_key, "what every /v1 request must bring as bearer token");
  app.footer(bench::mock_model_help());
  CLI11_PARSE(app, argument_count, arguments);

  constexpr uint64_t spare_descriptors = 64;
  const auto descriptors = bench::raise_descriptor_limit();
  options.sockets_max =
      static_cast<uint32_t>(descriptors > spare_descriptors ? descriptors - spare_descriptors : 1);
  bench::event_loop loop;
  bench::stop_on_signals(loop, seconds);
  const auto& server = loop.adopt(std::make_unique<bench::mock_server>(loop, options));
  std::printf("listening 127.0.0.1:%u\n", unsigned{server.port()});
  std::fflush(stdout);
  loop.run();
}
