#include "http/stream.hpp"

#include "base/record_json.hpp"
#include "base/sse.hpp"

namespace parley::http {

namespace {

void append(std::string& out, int64_t position, std::string_view name, std::string_view data) {
  append_event(out, position > 0 ? std::to_string(position) : std::string{}, name, data);
}

// The hot path: one of these for each delta.
void append_reply_event(std::string& out, const reply_event& event) {
  std::string data;
  data.reserve(event.text.size() + 32);
  json_writer json{data};
  json.begin_object().member("part", event.part);
  if (event.is_opening)
    json.member("type", name_of(event.type));
  else
    json.member("text", event.text);
  json.end_object();
  auto name = event.is_opening                     ? "part"
              : event.type == part_type::reasoning ? "reasoning"
                                                   : "delta";
  append(out, event.position, name, data);
}

}  // namespace

void append_slice(std::string& out, const slice& events, std::string_view request_id) {
  if (events.start) append(out, 1, "start", json_of(*events.start));
  if (events.snapshot)
    append(out, events.snapshot->position, "snapshot", json_of(*events.snapshot));
  for (const auto& event : events.events) append_reply_event(out, event);
  if (events.usage) append(out, 0, "usage", json_of(*events.usage));
  if (events.error) {
    std::string data;
    json_writer json{data};
    json.begin_object().member("code", events.error->code);
    json.member("reason", events.error->reason.empty() ? events.error->code : events.error->reason);
    json.member("message", events.error->message);
    if (auto wait = events.error->retry_after_ms) json.member("retryAfterMs", *wait);
    json.member("requestId", request_id).end_object();
    append(out, events.error_position, "error", data);
  }
  if (events.status)
    append(out, events.status_position, "done",
           "{\"status\":\"" + to_string(*events.status) + "\"}");
}

int64_t text_bytes_of(const slice& events) {
  int64_t bytes = 0;
  for (const auto& event : events.events) bytes += static_cast<int64_t>(event.text.size());
  if (events.snapshot)
    for (const auto& p : events.snapshot->parts)
      bytes += static_cast<int64_t>(p.text ? p.text->size() : 0);
  return bytes;
}

bool is_last(const slice& events) {
  return events.status.has_value() || (events.error.has_value() && events.error_position == 0);
}

}  // namespace parley::http
