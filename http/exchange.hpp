/// One HTTP request in flight: what its handler reads, and how it is to be answered.
#pragma once

#include <span>

#include "actors/edge.hpp"
#include "base/record_json.hpp"
#include "chat/transcript.hpp"
#include "http/engine.hpp"
#include "http/limits.hpp"
#include "http/reactor.hpp"
#include "http/stream_board.hpp"
#include "http/v1_reply.hpp"

namespace parley::http {

/// Names an exchange in messages: slot and generation of its exchange_ref.
using exchange_key = uint64_t;

constexpr exchange_key key_of(exchange_ref ref) {
  return static_cast<uint64_t>(ref.generation) << 32 | ref.slot;
}
constexpr exchange_ref ref_of(exchange_key key) {
  return {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
}

/// How a reply is wanted: as it grows, whole, or only its ids.
enum class reply_form : uint8_t { events, message, accepted };

/// A reply on its way to this client.
struct open_stream {
  session_actor holder;
  message_id message;
  session_id session;
  std::string pending;     ///< events that wait for room
  int64_t spent = 0;       ///< bytes of text to be granted again
  bool has_begun = false;  ///< the head is written
  bool is_over = false;    ///< the last event is in `pending` or written
  std::unique_ptr<stream_board::listing> listed;
  std::chrono::steady_clock::time_point last_write{};
};

/// Live changes of an account, or of one job until its end, on their way to this client.
struct live_feed {
  event_source_actor holder;
  bool is_of_job = false;
  std::unique_ptr<stream_board::listing> listed;
  std::string pending;
  bool is_over = false;
  std::chrono::steady_clock::time_point last_write{};
};

/// A call of /v1 on its way to this client.
struct v1_call {
  call_actor holder;  ///< once USER has let it in
  std::unique_ptr<stream_board::listing> listed;
  start_call asked;                   ///< until it goes to the holder
  std::unique_ptr<v1_writer> writer;  ///< of a reply; none: an embedding
  std::string pending;                ///< events that wait for room
  int64_t spent = 0;                  ///< bytes of text to be granted again
  bool is_stream = false;
  bool has_begun = false;  ///< the head is written
  bool is_over = false;    ///< the last event is in `pending` or written
  std::chrono::steady_clock::time_point last_write{};
};

/// A chat on its way to this client as a file.
struct open_transcript {
  transcript writer;
  std::string pending{};  ///< at most a page, waiting for room
  size_t written = 0;     ///< of `pending`
  std::string cursor{};   ///< where the next page begins
  bool is_asking = false;
  bool is_over = false;  ///< `pending` has the end
};

/// What an export has made, on its way to this client.
struct open_file {
  job_id job;
  int64_t bytes = 0;
  int64_t asked = 0;      ///< of them
  std::string pending{};  ///< a piece, waiting for room
  size_t written = 0;     ///< of `pending`
  bool is_asking = false;
};

/// What a session told before its ticket was here: USER hands some tickets on, and is overtaken.
struct early_slice {
  caf::actor_addr sender;
  slice events;
};

/// When a request got so far; zero: it did not.
struct request_steps {
  std::chrono::steady_clock::time_point served{};  ///< its handler ran
  std::chrono::steady_clock::time_point opened{};  ///< its message was stored
  std::chrono::steady_clock::time_point first{};   ///< the model's first words came
};

struct exchange {
  exchange_ref ref;
  clean_request request;
  answer_frame frame;
  std::string request_id;
  caller who;           ///< of routes that need one
  std::string role;     ///< as the token says; informative
  std::string address;  ///< the client's, proxies looked through
  std::string user_agent;
  std::string origin;  ///< allowed for CORS, otherwise empty
  std::optional<std::string> if_none_match;
  rate_verdict rate;
  reply_form form = reply_form::events;
  bool stops_on_leave = false;
  std::chrono::steady_clock::time_point started{};
  request_steps steps;
  std::string reason;  ///< why it failed, for the log
  std::unique_ptr<io_timer> deadline;
  std::unique_ptr<open_stream> stream;
  std::vector<early_slice> early;  ///< at most one credit's worth of text
  std::unique_ptr<live_feed> feed;
  std::unique_ptr<v1_call> call;
  std::unique_ptr<open_transcript> download;
  std::unique_ptr<open_file> file;
  error_shape shape = error_shape::own;  ///< of its errors

  exchange_key key() const { return key_of(ref); }
  client from() const { return {address, user_agent, request_id}; }
};

/// A path parameter that is an id; errc::not_found otherwise: no object can have that name.
template <class Id>
expected<Id> path_id(const exchange& x, size_t index) {
  if (auto id = Id::parse(x.request.path_values[index])) return *id;
  return make_error(errc::not_found);
}

/// A body as a record; errc::malformed or errc::invalid_input.
template <record Record>
expected<patch_of<Record>> read_body(const parsed_request& request, field_use allowed) {
  json_reader reader{{.bytes_max = std::max<size_t>(request.body().size(), 1)}};
  TRY(auto body, reader.parse(request.body()));
  return decode<Record>(body, allowed);
}

/// `limit`, `cursor`, `sort`, `count`; `sort_fields` are those that may be asked for. `faults` are
/// those of the query's other parameters.
expected<page_request> read_page(const parsed_request& request,
                                 std::span<const std::string_view> sort_fields, bool is_descending,
                                 fault_list faults = {});
inline expected<page_request> read_page(const parsed_request& request, std::string_view sort_field,
                                        bool is_descending, fault_list faults = {}) {
  return read_page(request, std::span{&sort_field, 1}, is_descending, std::move(faults));
}
/// Where a stream goes on: `Last-Event-ID`, else `after`.
expected<std::optional<int64_t>> read_position(const parsed_request& request);
/// If-Match as a version; 0 without the header or with "*".
expected<int64_t> read_if_match(const parsed_request& request);

answer json_answer(int status, std::string body);
template <class Record>
answer record_answer(int status, const Record& value) {
  auto result = json_answer(status, json_of(value));
  if constexpr (requires { value.version; })
    result.headers.emplace_back("ETag", "\"v" + std::to_string(value.version) + "\"");
  return result;
}
/// 201 with Location.
template <class Record>
answer created_answer(const Record& value, std::string location) {
  auto result = record_answer(201, value);
  result.headers.emplace_back("Location", std::move(location));
  return result;
}
/// About what messages take as JSON, which says a text twice: in `parts` and as `content`.
size_t json_bytes_of(const std::vector<message>& messages);
/// `body_bytes` is a guess: what a long page is written to should not grow.
template <class Item>
answer page_answer(const page_of<Item>& page, size_t body_bytes = 0) {
  std::string body;
  body.reserve(body_bytes);
  json_writer json{body};
  json.begin_object().key("items");
  write_json(json, page.items);
  json.key("nextCursor");
  write_json(json, page.next_cursor);
  if (page.total) json.member("total", *page.total);
  json.end_object();
  return json_answer(200, std::move(body));
}
/// `{"items":[…],"nextCursor":null}` of a list that has no pages.
template <class Item>
answer list_answer(const std::vector<Item>& items) {
  page_of<Item> page;
  page.items = items;
  return page_answer(page);
}
answer empty_answer();  ///< 204

}  // namespace parley::http
