#include "http/engine.hpp"

#include <httplib.h>

#include <cstring>

#include "http/guard_head.hpp"

namespace parley::http {

namespace {

constexpr size_t head_bytes_usual = 1024;

// One request goes in, one answer comes out.
class memory_stream final : public httplib::Stream {
 public:
  explicit memory_stream(std::string_view input) : input_(input) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    auto taken = std::min(size, input_.size());
    std::memcpy(to, input_.data(), taken);
    input_.remove_prefix(taken);
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* bytes, size_t size) override {
    output.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  std::string output;

 private:
  std::string_view input_;
};

// httplib decodes header values after parsing them (CVE-2026-45372), which undoes this.
void append_encoded(std::string& to, std::string_view value) {
  for (char c : value) {
    if (c == '%')
      to += "%25";
    else
      to += c;
  }
}

std::string render_head(const clean_request& request) {
  auto& head = request.head;
  std::string text;
  text.reserve(1024);
  text.append(to_string(head.verb)).append(" /?").append(head.query);
  text.append(head.is_http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (size_t i = 0; i < head.headers.size(); ++i) {
    auto field = head.headers.at(i);
    // A media type would start httplib's decoders on the body it does not get.
    if (field.name == "content-type") continue;
    text.append(field.name).append(": ");
    append_encoded(text, field.value);
    text.append("\r\n");
  }
  return text.append("Content-Length: 0\r\n\r\n");
}

void fill(httplib::Response& to, const answer& from) {
  to.status = from.status;
  for (auto& [name, value] : from.headers) to.set_header(name, value);
  if (!from.content_type.empty()) to.set_header("Content-Type", from.content_type);
}

// From the head only.
void erase_header(std::string& bytes, std::string_view name) {
  auto head_end = bytes.find("\r\n\r\n");
  auto at = bytes.find("\r\n" + std::string{name} + ": ");
  if (at >= head_end) return;
  bytes.erase(at, bytes.find("\r\n", at + 2) - at);
}

bool has_no_length(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace

struct engine::server final : httplib::Server {
  using Server::process_request;

  const clean_request* request = nullptr;
  const handler* handle = nullptr;
  answer result;
  verdict said = verdict::now;
  bool was_called = false;
  bool has_thrown = false;

  // Set instead of `handle` to write an answer alone; loses its body.
  answer* ready = nullptr;
  std::optional<stream_framing> framing;

  explicit server(const settings& of) {
    set_keep_alive_timeout(of.keep_alive_s);
    set_keep_alive_max_count(static_cast<size_t>(of.requests_per_connection_max));
    auto serve = [this](const httplib::Request& parsed, httplib::Response& to) {
      call(parsed, to);
    };
    Get("/", serve);
    Post("/", serve);
    Put("/", serve);
    Patch("/", serve);
    Delete("/", serve);
    Options("/", serve);
    set_exception_handler(
        [this](const httplib::Request&, httplib::Response& to, const std::exception_ptr&) {
          has_thrown = true;
          to.status = 500;
        });
  }

  void call(const httplib::Request& parsed, httplib::Response& to) {
    was_called = true;
    if (ready == nullptr) {
      said = (*handle)(parsed_request{*request, &parsed}, result);
      if (said == verdict::later) return;
    }
    auto& what = ready != nullptr ? *ready : result;
    fill(to, what);
    if (framing) {
      // Ends at once: the head is all that is wanted.
      auto end = [](size_t, httplib::DataSink& sink) {
        sink.done();
        return true;
      };
      if (*framing == stream_framing::chunked)
        to.set_chunked_content_provider(what.content_type, end);
      else
        to.set_content_provider(what.content_type, end);
    } else {
      to.body = std::move(what.body);
    }
  }

  std::string process(std::string_view input, const answer_frame& frame) {
    memory_stream stream{input};
    if (ready != nullptr) stream.output.reserve(head_bytes_usual + ready->body.size());
    bool is_closed = false;
    process_request(stream, !frame.is_keep_alive, is_closed, nullptr);
    auto bytes = std::move(stream.output);
    if (frame.is_head) erase_header(bytes, "Accept-Ranges");
    if (has_no_length(ready != nullptr ? ready->status : result.status))
      erase_header(bytes, "Content-Length");
    if (frame.is_http_1_0 && frame.is_keep_alive)
      bytes.insert(bytes.find("\r\n") + 2, "Connection: keep-alive\r\n");
    return bytes;
  }
};

std::optional<std::string> parsed_request::header(const std::string& name) const {
  const auto& headers = clean_->head.headers;
  for (size_t i = 0; i < headers.size(); ++i) {
    auto field = headers.at(i);
    if (!is_same_word(name, field.name)) continue;
    // Kept from httplib, or left out by it because it is empty.
    if (field.value.empty() || field.name == "content-type") return std::string{field.value};
    break;
  }
  auto& parsed = *static_cast<const httplib::Request*>(parsed_);
  if (auto found = parsed.headers.find(name); found != parsed.headers.end()) return found->second;
  return std::nullopt;
}

std::optional<std::string> parsed_request::query(const std::string& name) const {
  auto& parsed = *static_cast<const httplib::Request*>(parsed_);
  auto found = parsed.params.find(name);
  if (found == parsed.params.end()) return std::nullopt;
  return found->second;
}

std::vector<std::pair<std::string, std::string>> parsed_request::query_parameters() const {
  auto& parsed = *static_cast<const httplib::Request*>(parsed_);
  return {parsed.params.begin(), parsed.params.end()};
}

engine::engine(settings of) : server_(std::make_unique<server>(of)) {}
engine::~engine() = default;

expected<std::optional<std::string>> engine::run(const clean_request& request, bool is_keep_alive,
                                                 const handler& handle) {
  server_->request = &request;
  server_->handle = &handle;
  server_->ready = nullptr;
  server_->framing.reset();
  server_->result = {};
  server_->was_called = server_->has_thrown = false;
  auto bytes = server_->process(render_head(request), {.is_head = request.head.verb == method::head,
                                                       .is_http_1_0 = request.head.is_http_1_0,
                                                       .is_keep_alive = is_keep_alive});
  server_->request = nullptr;
  server_->handle = nullptr;
  if (server_->has_thrown) return make_error(errc::internal);
  if (!server_->was_called)
    return make_error(errc::malformed, "The header is too long to be read.");
  if (server_->said == verdict::later) return std::optional<std::string>{};
  return std::optional<std::string>{std::move(bytes)};
}

std::string engine::write(answer&& what, const answer_frame& frame) {
  server_->ready = &what;
  server_->framing.reset();
  auto bytes =
      server_->process(frame.is_head ? "HEAD / HTTP/1.1\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n", frame);
  server_->ready = nullptr;
  return bytes;
}

std::string engine::write_stream_head(answer&& what, const answer_frame& frame,
                                      stream_framing framing) {
  server_->ready = &what;
  server_->framing = framing;
  auto bytes = server_->process("GET / HTTP/1.1\r\n\r\n", frame);
  server_->ready = nullptr;
  server_->framing.reset();
  bytes.resize(bytes.find("\r\n\r\n") + 4);
  return bytes;
}

}  // namespace parley::http
