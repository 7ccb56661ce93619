/// Opens many streams at once on one epoll thread and checks every token of them.
///
///   sse_load --target openai --url 127.0.0.1:8081 --model mock-t100-i200 --streams 1000
///   sse_load --target parley --url 127.0.0.1:8080 --model <model id> --tokens 100 --users-file
///   FILE
///
/// The upstream must be mock_llm with a stamped model (`mock-t...`): its tokens carry their number
/// and the instant they were sent. A stream counts as good only if exactly its tokens came, in
/// order, in a well-formed stream. FILE holds a line of JSON for each user: username and password,
/// or accessToken. Standard output gets one line of JSON, standard error a table. Only loopback
/// addresses are taken: a load tool must not be pointed at somebody by mistake.
#include <arpa/inet.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>

#include <simdjson.h>

#include "bench/load/event_loop.hpp"
#include "bench/load/http_text.hpp"
#include "bench/load/load_run.hpp"
#include "bench/load/mock_model.hpp"

namespace {

namespace bench = parley::bench;

[[noreturn]] void refuse(const std::string& sentence) {
  std::fprintf(stderr, "sse_load: %s\n", sentence.c_str());
  std::exit(2);
}

void read_address(std::string url, bench::load_options& options) {
  constexpr std::string_view scheme = "http://";
  if (url.starts_with(scheme)) url.erase(0, scheme.size());
  if (url.ends_with('/')) url.pop_back();
  const auto colon = url.find(':');
  const auto port = colon == std::string::npos
                        ? std::nullopt
                        : bench::parse_number(std::string_view{url}.substr(colon + 1));
  options.address.sin_family = AF_INET;
  if (!port || *port == 0 || *port > 65535 ||
      ::inet_pton(AF_INET, url.substr(0, colon).c_str(), &options.address.sin_addr) != 1) {
    refuse("--url must be an IPv4 address and a port");
  }
  if (ntohl(options.address.sin_addr.s_addr) >> 24 != 127) refuse("--url must be on loopback");
  options.address.sin_port = htons(static_cast<uint16_t>(*port));
  options.host = url;
}

std::vector<bench::load_user> read_users(const std::string& path) {
  std::vector<bench::load_user> users;
  std::ifstream file{path};
  if (!file) refuse("can't read " + path);
  simdjson::dom::parser parser;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    simdjson::dom::object fields;
    if (parser.parse(line).get(fields) != simdjson::SUCCESS) refuse("not JSON: " + path);
    const auto field = [&fields](std::string_view name) {
      std::string_view value;
      return fields[name].get(value) == simdjson::SUCCESS ? std::string{value} : std::string{};
    };
    users.push_back({field("username"), field("password"), field("accessToken")});
  }
  if (users.empty()) refuse("no users in " + path);
  return users;
}

}  // namespace

int main(int argument_count, char** arguments) {
  bench::load_options options;
  std::string target = "openai";
  std::string url;
  std::string users_file;
  std::string connections = "reuse";
  std::vector<std::string> fields;
  CLI::App app{"Opens many streams at once and checks every token of them."};
  app.add_option("--target", target, "parley or openai")
      ->check(CLI::IsMember({"parley", "openai"}));
  app.add_option("--url", url, "127.0.0.1:PORT")->required();
  app.add_option("--path", options.path, "of the request that streams");
  app.add_option("--model", options.model, "its name, or its id in Parley")->required();
  app.add_option("--tokens", options.tokens, "each stream must bring; else read from --model");
  app.add_option("--streams", options.streams, "at once")->check(CLI::Range(1, 19'000));
  app.add_option("--rounds", options.rounds, "streams of each client, one after the other");
  app.add_option("--ramp", options.ramp, "new streams a second")->check(CLI::Range(1, 100'000));
  app.add_option("--seconds", options.seconds, "for everything")->check(CLI::Range(1, 3600));
  app.add_option("--connections", connections, "between the requests of a client")
      ->check(CLI::IsMember({"reuse", "fresh"}));
  app.add_flag("--whole", options.is_whole, "answers of one document, not streams");
  app.add_option("--users-file", users_file, "for --target parley");
  app.add_option("--header", fields, "`Name: value`, for every request");
  CLI11_PARSE(app, argument_count, arguments);

  const bool is_parley = target == "parley";
  options.target = is_parley ? bench::load_target::parley : bench::load_target::openai;
  if (options.path.empty()) options.path = is_parley ? "/api/chat/stream" : "/v1/chat/completions";
  options.reuses_connections = connections == "reuse";
  for (const auto& field : fields) options.more_fields += field + "\r\n";
  read_address(url, options);
  if (is_parley) {
    if (users_file.empty()) refuse("--target parley needs --users-file");
    options.users = read_users(users_file);
  }
  if (options.tokens == 0) {
    const auto model = bench::parse_mock_model(options.model);
    if (!model || model->script != bench::mock_script::stamped) refuse("--tokens is needed");
    options.tokens = model->tokens;
  }
  if (bench::raise_descriptor_limit() < options.streams + 32) refuse("too few descriptors");

  bench::event_loop loop;
  bench::stop_on_signals(loop, options.seconds + 5);
  bench::load_run run{loop, options};
  loop.arm_in(run, 0);
  loop.run();
  auto& findings = run.findings();
  if (findings.ended_ns == 0) findings.ended_ns = bench::monotonic_ns();
  std::fputs(bench::findings_table(options, findings).c_str(), stderr);
  std::puts(bench::findings_json(options, findings).c_str());
  const auto wanted = uint64_t{options.streams} * options.rounds;
  return findings.streams_ok == wanted ? 0 : 1;
}
