#include "actors/impl/log_tally.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/json.hpp"
#include "base/log_line.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

/// Four steps to the double, from a tenth of a millisecond to a day.
constexpr double first_step_ms = 0.1;
constexpr double steps_per_double = 4;
constexpr size_t steps_max = 120;
/// Of all keys of a question.
constexpr size_t summed_keys_max = 20'000;
constexpr size_t shown_keys_max = 100;

size_t step_of(double ms) {
  if (!(ms > first_step_ms)) return 0;
  auto step = std::log2(ms / first_step_ms) * steps_per_double;
  return std::min(static_cast<size_t>(step), steps_max - 1);
}

/// The middle of a step.
double ms_of(size_t step) {
  return first_step_ms * std::exp2((static_cast<double>(step) + 0.5) / steps_per_double);
}

double rounded(double ms) {
  return std::round(ms * 100) / 100;
}

template <class T>
std::optional<T> take_number(std::string_view& text, char end) {
  T number{};
  auto [behind, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(behind - text.data()));
  if (text.empty()) return number;
  if (text.front() != end) return std::nullopt;
  text.remove_prefix(1);
  return number;
}

std::string_view take_line(std::string_view& text) {
  auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

constexpr std::string_view slowest_name = "slowest";

std::optional<double> change_of(double before, double now) {
  if (before <= 0) return std::nullopt;
  return std::round((now - before) / before * 1000) / 1000;
}

/// A text of a line as it was before the log wrote it.
std::string shown(std::string_view raw) {
  if (raw.find('\\') != raw.npos) {
    json_reader reader{{.strict = false}};
    auto known = reader.parse('"' + std::string{raw} + '"');
    if (known && known->as_string()) return std::string{*known->as_string()};
  }
  return repair_utf8(raw);
}

slow_request request_of(const log_line& line) {
  slow_request made;
  made.at = parse_instant(line.at).value_or(instant{});
  made.request_id = shown(line.request);
  made.route = shown(line.method) + " " + shown(line.route);
  made.status = static_cast<int32_t>(number_of(line.status).value_or(0));
  if (!line.user.empty()) made.user_id = shown(line.user);
  made.took_ms = number_of(line.took_ms).value_or(0);
  made.queue_ms = number_of(line.queue_ms);
  made.storage_ms = number_of(line.storage_ms);
  made.first_byte_ms = number_of(line.first_byte_ms);
  made.stream_ms = number_of(line.stream_ms);
  return made;
}

}  // namespace

// -- Counts --------------------------------------------------------------------------------------

void log_count::add(bool is_error, std::optional<double> took_ms) {
  ++count_;
  if (is_error) ++errors_;
  if (!took_ms) return;
  auto step = step_of(*took_ms);
  if (step >= steps_.size()) steps_.resize(step + 1);
  ++steps_[step];
}

void log_count::add(const log_count& other) {
  count_ += other.count_;
  errors_ += other.errors_;
  if (other.steps_.size() > steps_.size()) steps_.resize(other.steps_.size());
  for (size_t i = 0; i < other.steps_.size(); ++i) steps_[i] += other.steps_[i];
}

double log_count::percentile(double share, int64_t timed) const {
  auto wanted = static_cast<int64_t>(std::ceil(share * static_cast<double>(timed)));
  int64_t passed = 0;
  for (size_t i = 0; i < steps_.size(); ++i) {
    passed += steps_[i];
    if (passed >= wanted && passed > 0) return rounded(ms_of(i));
  }
  return 0;
}

log_figures log_count::figures() const {
  int64_t timed = 0;
  for (auto each : steps_) timed += each;
  log_figures made;
  made.count = count_;
  made.errors = errors_;
  if (count_ > 0)
    made.error_share =
        std::round(static_cast<double>(errors_) / static_cast<double>(count_) * 1e6) / 1e6;
  made.p50_ms = percentile(0.5, timed);
  made.p95_ms = percentile(0.95, timed);
  made.p99_ms = percentile(0.99, timed);
  return made;
}

void log_count::write(std::string& out) const {
  out += std::to_string(count_) + ' ' + std::to_string(errors_);
  for (size_t i = 0; i < steps_.size(); ++i)
    if (steps_[i] > 0) out += ' ' + std::to_string(i) + ':' + std::to_string(steps_[i]);
}

std::optional<log_count> log_count::parse(std::string_view text) {
  log_count made;
  auto count = take_number<int64_t>(text, ' ');
  auto errors = count ? take_number<int64_t>(text, ' ') : std::nullopt;
  if (!errors) return std::nullopt;
  made.count_ = *count;
  made.errors_ = *errors;
  while (!text.empty()) {
    auto step = take_number<size_t>(text, ':');
    auto times = step ? take_number<uint32_t>(text, ' ') : std::nullopt;
    if (!times || *step >= steps_max) return std::nullopt;
    if (*step >= made.steps_.size()) made.steps_.resize(*step + 1);
    made.steps_[*step] += *times;
  }
  return made;
}

log_count& log_group_counts::place(std::string_view key, size_t keys_max) {
  if (auto found = keys.find(key); found != keys.end()) return found->second;
  return keys[std::string{keys.size() < keys_max ? key : other_log_keys}];
}

void log_group_counts::add(std::string_view key, bool is_error, std::optional<double> took_ms) {
  place(key, log_keys_max).add(is_error, took_ms);
}

void log_group_counts::add(std::string_view key, const log_count& counts, size_t keys_max) {
  place(key, keys_max).add(counts);
}

void keep_slowest(slow_lines& all, double took_ms, std::string_view line) {
  if (all.size() >= slowest_max && took_ms <= all.begin()->first) return;
  all.emplace(took_ms, line);
  if (all.size() > slowest_max) all.erase(all.begin());
}

// -- Lines ---------------------------------------------------------------------------------------

log_slot* log_tally::slot_of(std::string_view at) {
  constexpr size_t minute_bytes = 16;  // "2026-07-25T09:30"
  auto minute = at.substr(0, minute_bytes);
  if (present_ != nullptr && minute == minute_) return present_;
  auto when = parse_instant(at);
  if (!when) return nullptr;
  minute_ = minute;
  present_ = &slots_[when->ms - when->ms % log_slot_ms];
  return present_;
}

void log_tally::add(std::string_view text) {
  auto is_request = text.find(R"("event":"http.request")") != text.npos;
  if (!is_request && text.find(R"(.ended")") == text.npos) return;
  auto line = parse_log_line(text);
  if (!line) return;
  auto is_reply = line->event == "reply.ended" || line->event == "call.ended";
  if (!is_reply && line->event != "http.request") return;
  auto* slot = slot_of(line->at);
  if (slot == nullptr) return;
  auto took = number_of(line->took_ms);
  auto status = number_of(line->status).value_or(0);
  auto is_error = !line->reason.empty() || status >= 400;
  auto count = [&](log_group by, std::string_view key) {
    auto& group = slot->groups[static_cast<size_t>(by) - 1];
    group.all.add(is_error, took);
    if (!key.empty()) group.add(key, is_error, took);
  };
  if (is_reply) {
    count(log_group::model, line->model);
    std::string channel{line->model};
    if (!line->channel.empty()) channel.append("/").append(line->channel);
    count(log_group::channel, channel);
    return;
  }
  std::string route{line->method};
  count(log_group::route, route.append(" ").append(line->route));
  count(log_group::status, line->status);
  count(log_group::reason, line->reason);
  count(log_group::user, line->user);
  if (took) keep_slowest(slot->slowest, *took, text);
}

// -- Text ----------------------------------------------------------------------------------------

std::string text_of(const log_tally& tally) {
  std::string out;
  for (const auto& [at, slot] : tally.slots()) {
    for (size_t i = 0; i < log_groups; ++i) {
      const auto& group = slot.groups[i];
      if (group.all.count() == 0) continue;
      out += '=' + std::to_string(at) + ' ';
      out += name_of(static_cast<log_group>(i + 1));
      out += "\n\t";
      group.all.write(out);
      out += '\n';
      for (const auto& [key, counts] : group.keys) {
        out.append(key).append("\t");
        counts.write(out);
        out += '\n';
      }
    }
    if (slot.slowest.empty()) continue;
    out += '=' + std::to_string(at) + ' ';
    out.append(slowest_name).append("\n");
    for (const auto& [took, line] : slot.slowest) out.append(line).append("\n");
  }
  return out;
}

// -- A question ----------------------------------------------------------------------------------

log_spans::log_spans(const log_query& query) : query_(query) {
  query_.since.ms -= query_.since.ms % log_slot_ms;
  query_.until.ms += log_slot_ms - 1;
  query_.until.ms -= query_.until.ms % log_slot_ms;
}

log_spans::span* log_spans::span_of(int64_t slot) {
  auto length = query_.until - query_.since;
  if (slot >= query_.until.ms || slot < (query_.since - length).ms) return nullptr;
  return slot >= query_.since.ms ? &now_ : &before_;
}

void log_spans::add(const log_tally& tally) {
  for (const auto& [at, slot] : tally.slots()) {
    auto* into = span_of(at);
    if (into == nullptr) continue;
    const auto& group = slot.groups[static_cast<size_t>(query_.by) - 1];
    into->counts.all.add(group.all);
    for (const auto& [key, counts] : group.keys) into->counts.add(key, counts, summed_keys_max);
    for (const auto& [took, line] : slot.slowest) keep_slowest(into->slowest, took, line);
  }
}

bool log_spans::add(std::string_view text) {
  span* into = nullptr;
  auto is_slowest = false;
  while (!text.empty()) {
    auto line = take_line(text);
    if (line.starts_with('=')) {
      line.remove_prefix(1);
      auto at = take_number<int64_t>(line, ' ');
      if (!at) return false;
      is_slowest = line == slowest_name;
      into = is_slowest || line == name_of(query_.by) ? span_of(*at) : nullptr;
      continue;
    }
    if (into == nullptr) continue;
    if (is_slowest) {
      auto fields = parse_log_line(line);
      if (!fields) return false;
      keep_slowest(into->slowest, number_of(fields->took_ms).value_or(0), line);
      continue;
    }
    auto tab = line.find('\t');
    auto counts = tab == line.npos ? std::nullopt : log_count::parse(line.substr(tab + 1));
    if (!counts) return false;
    if (tab == 0)
      into->counts.all.add(*counts);
    else
      into->counts.add(line.substr(0, tab), *counts, summed_keys_max);
  }
  return true;
}

log_summary log_spans::finish() const {
  log_summary made;
  made.since = query_.since;
  made.until = query_.until;
  made.by = query_.by;
  made.all = now_.counts.all.figures();
  using entry = std::pair<std::string_view, const log_count*>;
  std::vector<entry> order;
  for (const auto& [key, counts] : now_.counts.keys) order.emplace_back(key, &counts);
  std::sort(order.begin(), order.end(), [](const entry& a, const entry& b) {
    return std::pair{-a.second->count(), a.first} < std::pair{-b.second->count(), b.first};
  });
  if (order.size() > shown_keys_max) order.resize(shown_keys_max);
  for (const auto& [key, counts] : order) {
    log_sum sum;
    sum.key = shown(key);
    sum.now = counts->figures();
    if (auto known = before_.counts.keys.find(key); known != before_.counts.keys.end())
      sum.before = known->second.figures();
    sum.count_change =
        change_of(static_cast<double>(sum.before.count), static_cast<double>(sum.now.count));
    sum.p95_change = change_of(sum.before.p95_ms, sum.now.p95_ms);
    made.items.push_back(std::move(sum));
  }
  for (auto slow = now_.slowest.rbegin(); slow != now_.slowest.rend(); ++slow)
    if (auto line = parse_log_line(slow->second)) made.slowest.push_back(request_of(*line));
  return made;
}

}  // namespace parley
