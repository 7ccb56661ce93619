#include "bench/load/load_run.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "bench/load/http_text.hpp"
#include "bench/load/stream_client.hpp"

namespace parley::bench {
namespace {

constexpr int64_t step_ms = 5;

std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));
std::string format(const char* pattern, ...) {
  char text[512];
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(text, sizeof text, pattern, values);
  va_end(values);
  return text;
}

double seconds_of(const load_findings& findings) {
  const auto span = static_cast<double>(findings.ended_ns - findings.begun_ns) / 1e9;
  return findings.begun_ns == 0 ? 0 : span;
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void load_findings::fail_stream(std::string_view why) {
  constexpr size_t reasons_max = 100;
  ++streams_failed;
  const bool is_full = failures.size() >= reasons_max && !failures.contains(std::string{why});
  ++failures[is_full ? "others" : std::string{why}];
}

load_run::load_run(event_loop& loop, const load_options& options)
    : loop_(loop),
      options_(options),
      deadline_ms_(monotonic_ms() + int64_t{options.seconds} * 1000) {
  clients_.reserve(options.streams);
  for (size_t number = 0; number < options.streams; ++number) {
    const auto* user =
        options.users.empty() ? nullptr : &options.users[number % options.users.size()];
    clients_.push_back(std::make_unique<stream_client>(loop, options, findings_, user));
  }
}

load_run::~load_run() = default;

void load_run::prepare_more() {
  constexpr size_t preparing_max = 32;  // log-ins hash a password: more at once only queue up
  const auto over = findings_.prepared + findings_.preparing_failed;
  while (preparing_begun_ < clients_.size() && preparing_begun_ - over < preparing_max) {
    clients_[preparing_begun_++]->prepare();
  }
}

void load_run::start_more() {
  const auto now_ns = monotonic_ns();
  if (findings_.begun_ns == 0) findings_.begun_ns = now_ns;
  const auto passed_s = static_cast<double>(now_ns - findings_.begun_ns) / 1e9;
  const auto due = std::min<double>(passed_s * options_.ramp + 1, options_.streams);
  while (started_ < static_cast<size_t>(due)) clients_[started_++]->start();
}

void load_run::on_due() {
  if (monotonic_ms() >= deadline_ms_) return finish();
  prepare_more();
  if (findings_.prepared + findings_.preparing_failed == clients_.size()) start_more();
  if (findings_.clients_over == clients_.size()) return finish();
  loop_.arm_in(*this, step_ms);
}

void load_run::finish() {
  for (auto& client : clients_) client->give_up("time is up");
  findings_.ended_ns = monotonic_ns();
  loop_.stop();
}

std::string findings_json(const load_options& options, const load_findings& found) {
  std::string failures;
  for (const auto& [why, count] : found.failures) {
    failures += (failures.empty() ? "" : ",") + json_string(why) + ":" + std::to_string(count);
  }
  const auto& stamps = found.stamps;
  const auto number = [](uint64_t count) { return static_cast<unsigned long long>(count); };
  auto json = format("{\"target\":\"%s\",\"streams\":%llu,\"ok\":%llu,\"failed\":%llu,",
                     options.target == load_target::parley ? "parley" : "openai",
                     number(found.streams_ok + found.streams_failed), number(found.streams_ok),
                     number(found.streams_failed));
  json +=
      format("\"tokens\":%llu,\"events\":%llu,\"eventsPerToken\":%.4f,\"eventsPerSecond\":%.1f,",
             number(stamps.tokens), number(found.events), share(found.events, stamps.tokens),
             seconds_of(found) > 0 ? static_cast<double>(found.events) / seconds_of(found) : 0);
  json += format("\"lost\":%llu,\"repeated\":%llu,\"reordered\":%llu,\"malformed\":%llu,",
                 number(stamps.lost), number(stamps.repeated), number(stamps.reordered),
                 number(stamps.malformed));
  json += format("\"firstTokenMs\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f},",
                 found.first_token.quantile_ms(0.5), found.first_token.quantile_ms(0.95),
                 found.first_token.quantile_ms(0.99), found.first_token.max_ms());
  json += format("\"addedMs\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f},",
                 found.added.quantile_ms(0.5), found.added.quantile_ms(0.95),
                 found.added.quantile_ms(0.99), found.added.max_ms());
  return json + format("\"seconds\":%.3f,\"failures\":{", seconds_of(found)) + failures + "}}";
}

std::string findings_table(const load_options& options, const load_findings& found) {
  const auto number = [](uint64_t count) { return static_cast<unsigned long long>(count); };
  const auto& stamps = found.stamps;
  auto table =
      format("%-16s %llu ok, %llu failed of %llu\n", "streams", number(found.streams_ok),
             number(found.streams_failed), number(uint64_t{options.streams} * options.rounds));
  table += format("%-16s %llu in %llu events (%.3f a token)\n", "tokens", number(stamps.tokens),
                  number(found.events), share(found.events, stamps.tokens));
  table += format("%-16s %llu lost, %llu repeated, %llu reordered, %llu malformed\n", "order",
                  number(stamps.lost), number(stamps.repeated), number(stamps.reordered),
                  number(stamps.malformed));
  table += format("%-16s p50 %.2f  p95 %.2f  p99 %.2f  max %.2f ms\n", "first token",
                  found.first_token.quantile_ms(0.5), found.first_token.quantile_ms(0.95),
                  found.first_token.quantile_ms(0.99), found.first_token.max_ms());
  table += format("%-16s p50 %.2f  p95 %.2f  p99 %.2f  max %.2f ms\n", "added latency",
                  found.added.quantile_ms(0.5), found.added.quantile_ms(0.95),
                  found.added.quantile_ms(0.99), found.added.max_ms());
  table += format("%-16s %.1f s\n", "duration", seconds_of(found));
  for (const auto& [why, count] : found.failures) {
    table += format("  failed: %-30s %llu\n", why.c_str(), number(count));
  }
  return table;
}

}  // namespace parley::bench
