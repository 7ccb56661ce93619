#include "tests/support/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "base/json.hpp"

namespace parley::test {

namespace {

constexpr int wait_max_ms = 10'000;

bool is_same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return tolower(x) == tolower(y); });
}

std::string find_header(const header_list& headers, std::string_view name) {
  for (const auto& [known, value] : headers)
    if (is_same_name(known, name)) return value;
  return "(absent)";
}

}  // namespace

std::string json_at(std::string_view json, std::string_view pointer) {
  json_reader reader{{.bytes_max = 64 << 20}};
  auto root = reader.parse(json);
  if (!root) throw std::runtime_error("this is no JSON: " + std::string{json.substr(0, 500)});
  std::optional<json_value> at = *root;
  while (at && !pointer.empty()) {
    pointer.remove_prefix(1);
    auto step = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(step.size());
    if (at->type() != json_type::array) {
      at = at->find(step);
      continue;
    }
    auto items = at->items();
    auto index = std::stoul(std::string{step});
    at = index < items.size() ? std::optional{items[index]} : std::nullopt;
  }
  if (!at) return "(absent)";
  if (auto text = at->as_string()) return std::string{*text};
  return at->text();
}

std::string http_answer::header(std::string_view name) const {
  return find_header(headers, name);
}

std::string http_answer::faults() const {
  std::vector<std::string> paths;
  for (size_t i = 0; at("/error/fields/" + std::to_string(i)) != "(absent)"; ++i)
    paths.push_back(at("/error/fields/" + std::to_string(i) + "/path"));
  std::sort(paths.begin(), paths.end());
  std::string joined;
  for (const auto& path : paths) joined += (joined.empty() ? "" : " ") + path;
  return joined;
}

std::string http_answer::without_request_id() const {
  auto text = body;
  auto id = at("/error/requestId");
  auto found = text.find(id);
  if (found != std::string::npos) text.erase(found, id.size());
  return text;
}

// -- The connection -------------------------------------------------------------------------------

http_connection::http_connection(uint16_t port, int receive_bytes)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_bytes > 0)
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    drop();
    throw std::runtime_error("nobody listens on port " + std::to_string(port));
  }
}

http_connection::http_connection(http_connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ahead_(std::move(other.ahead_)) {}

void http_connection::drop() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

// A server that has refused a request does not read its body: whoever sends on is reset, and what
// the server said before is still there to be read.
void http_connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    auto size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0) return;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
}

void http_connection::send(const http_request& request) {
  auto text = request.method + " " + request.path + " HTTP/1.1\r\n";
  if (find_header(request.headers, "Host") == "(absent)") text += "Host: localhost\r\n";
  for (const auto& [name, value] : request.headers)
    text.append(name).append(": ").append(value).append("\r\n");
  if (!request.body.empty()) {
    if (find_header(request.headers, "Content-Type") == "(absent)")
      text += "Content-Type: application/json\r\n";
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  send(text + "\r\n" + request.body);
}

bool http_connection::read_more() {
  pollfd waiting{fd_, POLLIN, 0};
  if (::poll(&waiting, 1, wait_max_ms) <= 0) throw std::runtime_error("the server is silent");
  char buffer[16384];
  auto size = ::recv(fd_, buffer, sizeof buffer, 0);
  if (size <= 0) return false;
  ahead_.append(buffer, static_cast<size_t>(size));
  return true;
}

std::string http_connection::read_line() {
  size_t end = 0;
  while ((end = ahead_.find("\r\n")) == std::string::npos)
    if (!read_more()) throw std::runtime_error("the server closed amid a line: " + ahead_);
  auto line = ahead_.substr(0, end);
  ahead_.erase(0, end + 2);
  return line;
}

std::string http_connection::read_bytes(size_t count) {
  while (ahead_.size() < count)
    if (!read_more()) throw std::runtime_error("the server closed amid a body");
  auto bytes = ahead_.substr(0, count);
  ahead_.erase(0, count);
  return bytes;
}

std::string http_connection::read_to_end() {
  while (read_more()) continue;
  return std::exchange(ahead_, {});
}

bool http_connection::is_at_end() {
  return ahead_.empty() && !read_more();
}

http_answer http_connection::read_head() {
  http_answer answer;
  do {
    answer = {};
    auto line = read_line();
    if (!line.starts_with("HTTP/1.1 ")) throw std::runtime_error("no status line: " + line);
    answer.status = std::stoi(line.substr(9));
    for (line = read_line(); !line.empty(); line = read_line()) {
      auto colon = line.find(": ");
      if (colon == std::string::npos) throw std::runtime_error("no header: " + line);
      answer.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
  } while (answer.status < 200);
  return answer;
}

void http_connection::read_body(http_answer& into) {
  auto length = into.header("Content-Length");
  if (length != "(absent)") into.body = read_bytes(std::stoul(length));
}

http_answer http_client::ask(const http_request& request) {
  if (!connection_) connection_.emplace(port_);
  connection_->send(request);
  auto answer = connection_->read_head();
  if (request.method != "HEAD") connection_->read_body(answer);
  if (answer.header("Connection") == "close") connection_.reset();
  return answer;
}

// -- Streams --------------------------------------------------------------------------------------

event_stream::event_stream(uint16_t port, const http_request& request, int receive_bytes)
    : connection_(port, receive_bytes) {
  connection_.send(request);
  head_ = connection_.read_head();
  is_stream_ = head_.status == 200 && head_.header("Content-Type") == "text/event-stream" &&
               head_.header("Transfer-Encoding") == "chunked";
  if (!is_stream_) connection_.read_body(head_);
  is_over_ = !is_stream_;
}

bool event_stream::read_chunk() {
  if (is_over_) return false;
  try {
    auto size = std::stoul(connection_.read_line(), nullptr, 16);
    text_ += connection_.read_bytes(size);
    if (!connection_.read_line().empty()) throw std::runtime_error("a chunk is too long");
    is_over_ = is_whole_ = size == 0;
  } catch (const std::runtime_error&) {
    if (!connection_.is_at_end()) throw;
    is_over_ = true;
  }
  return !is_over_;
}

// A comment has no name.
static std::optional<stream_event> take_event(std::string& text) {
  auto end = text.find("\n\n");
  if (end == std::string::npos) return std::nullopt;
  stream_event event;
  auto lines = text.substr(0, end + 1);
  text.erase(0, end + 2);
  for (size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
    auto line = lines.substr(at, lines.find('\n', at) - at);
    if (line.starts_with("id: ")) event.id = std::stoll(line.substr(4));
    if (line.starts_with("event: ")) event.name = line.substr(7);
    if (line.starts_with("data: ")) event.data += line.substr(6);
  }
  return event;
}

std::optional<stream_event> event_stream::next() {
  while (true) {
    if (auto event = take_event(text_); !event) {
      if (!read_chunk()) return std::nullopt;
    } else if (!event->name.empty() || !event->data.empty()) {
      return event;
    }
  }
}

stream_event event_stream::next(std::string_view name) {
  while (auto event = next())
    if (event->name == name) return *event;
  throw std::runtime_error("the stream ended without " + std::string{name});
}

std::vector<stream_event> event_stream::rest() {
  std::vector<stream_event> events;
  while (auto event = next()) events.push_back(std::move(*event));
  return events;
}

std::vector<stream_event> events_in(std::string text) {
  std::vector<stream_event> events;
  while (auto event = take_event(text))
    if (!event->name.empty()) events.push_back(std::move(*event));
  return events;
}

std::string text_of(const std::vector<stream_event>& events) {
  std::string text;
  for (const auto& event : events)
    if (event.name == "delta") text += event.at("/text");
  return text;
}

std::string names_of(const std::vector<stream_event>& events) {
  std::string names;
  std::string_view last;
  for (const auto& event : events) {
    if (event.name == last) continue;
    names += (names.empty() ? "" : " ") + event.name;
    last = event.name;
  }
  return names;
}

}  // namespace parley::test
