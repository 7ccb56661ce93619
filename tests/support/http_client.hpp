/// Blocking HTTP for tests: a client that keeps its connection, and a reader of event streams.
///
/// Each object is one connection to the loopback and belongs to one thread. Whatever can't be read
/// as HTTP, and every wait of more than ten seconds, is thrown as std::runtime_error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::test {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// A body is sent as JSON, unless the headers have another Content-Type.
struct http_request {
  std::string method = "GET";
  std::string path = "/";
  std::string body;
  header_list headers;
};

/// What stands in a JSON text at a JSON Pointer: a string's text, other values as JSON, and
/// "(absent)" if there is nothing. Throws if the text is no JSON.
std::string json_at(std::string_view json, std::string_view pointer);

struct http_answer {
  int status = 0;
  header_list headers;
  std::string body;

  /// "(absent)" without it; names without regard to case.
  std::string header(std::string_view name) const;
  std::string at(std::string_view pointer) const { return json_at(body, pointer); }
  /// The paths of /error/fields, sorted, with a space between.
  std::string faults() const;
  /// The body without the value of requestId, by which two errors may differ.
  std::string without_request_id() const;
};

/// A socket with what was read ahead of need.
class http_connection {
 public:
  /// `receive_bytes` > 0: the size of the kernel's receive buffer, for slow readers.
  explicit http_connection(uint16_t port, int receive_bytes = 0);
  ~http_connection() { drop(); }
  http_connection(http_connection&& other) noexcept;
  http_connection& operator=(http_connection&&) = delete;

  void send(std::string_view bytes);
  void send(const http_request& request);
  /// Status and headers; interim answers (1xx) are passed over.
  http_answer read_head();
  void read_body(http_answer& into);
  std::string read_line();
  std::string read_bytes(size_t count);
  /// All that comes until the server closes.
  std::string read_to_end();
  /// Whether the server has closed it and nothing is left to read; waits for one or the other.
  bool is_at_end();
  void drop();

 private:
  bool read_more();

  int fd_ = -1;
  std::string ahead_;
};

class http_client {
 public:
  explicit http_client(uint16_t port) : port_(port) {}
  /// Connects anew if there is no connection or the last answer closed it.
  http_answer ask(const http_request& request);

 private:
  uint16_t port_;
  std::optional<http_connection> connection_;
};

struct stream_event {
  int64_t id = 0;  ///< 0: it has none
  std::string name;
  std::string data;

  std::string at(std::string_view pointer) const { return json_at(data, pointer); }
};

/// An answer that is a chunked event stream. Reads only when asked: whoever does not ask is a slow
/// reader.
class event_stream {
 public:
  event_stream(uint16_t port, const http_request& request, int receive_bytes = 0);

  /// The head; with its body when it is no event stream.
  const http_answer& head() const { return head_; }
  bool is_stream() const { return is_stream_; }
  /// The next event, comments passed over; nothing at the end of the stream.
  std::optional<stream_event> next();
  /// The next event of this name; those before it are passed over. Throws at the end.
  stream_event next(std::string_view name);
  /// All that is left, to the end.
  std::vector<stream_event> rest();
  /// Whether the stream ended as chunked coding says, and not by a broken connection.
  bool is_whole() const { return is_whole_; }
  void drop() { connection_.drop(); }

 private:
  bool read_chunk();

  http_connection connection_;
  http_answer head_;
  std::string text_;
  bool is_stream_ = false;
  bool is_over_ = false;
  bool is_whole_ = false;
};

/// The events of a stream that came without chunked coding.
std::vector<stream_event> events_in(std::string text);
/// The text of all `delta` events, joined.
std::string text_of(const std::vector<stream_event>& events);
/// The names of events, each name once however often it comes in a row: "start part delta done".
std::string names_of(const std::vector<stream_event>& events);

}  // namespace parley::test
