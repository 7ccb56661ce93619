#include "providers/transfer.hpp"

#include <unistd.h>

#include <charconv>
#include <cstring>
#include <ctime>

namespace parley::providers {

namespace {

constexpr uint32_t retry_after_s_max = 24 * 3600;
// A body up to here libcurl 7.88 sends in one piece with the head; a longer one, and any that it
// has to ask for, costs a buffer of 16 KiB until the call ends.
constexpr size_t whole_body_bytes_max = 64 * 1024;

// Libcurl itself goes on up to a hundred times as long as there is more, and then comes back at
// once.
constexpr size_t turn_bytes_max = size_t{32} << 10;

std::string_view trimmed(std::string_view text) {
  auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string lower(std::string_view text) {
  std::string result{text};
  for (auto& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

/// No exception may pass through libcurl; without memory the call ends.
template <class Work>
bool guarded(transfer& t, Work work) {
  try {
    work();
    return true;
  } catch (const std::bad_alloc&) {
    t.is_too_large = true;
    return false;
  }
}

size_t on_write(char* data, size_t, size_t size, void* user) {
  auto& t = *static_cast<transfer*>(user);
  t.response_bytes += size;
  if (t.listener) t.active_at = t.loop.now();
  if (t.response_bytes > t.limits.response_bytes_max) {
    t.is_too_large = true;
    return 0;
  }
  auto keep = [&] {
    t.round.add_bytes(t.id, data, size);
    t.note_bytes(size);
  };
  return guarded(t, keep) ? size : 0;
}

void read_status(transfer& t, std::string_view line) {
  t.head = {};
  auto space = line.find(' ');
  if (space == line.npos) return;
  auto digits = line.substr(space + 1, 3);
  std::from_chars(digits.data(), digits.data() + digits.size(), t.head.status);
}

void read_header(transfer& t, std::string_view line) {
  auto colon = line.find(':');
  if (colon == line.npos) return;
  auto name = lower(line.substr(0, colon));
  auto value = trimmed(line.substr(colon + 1));
  if (name == "content-type")
    t.head.content_type = lower(trimmed(value.substr(0, value.find(';')))).substr(0, 100);
  if (name == "retry-after") t.head.retry_after_s = parse_retry_after(value, std::time(nullptr));
}

void read_head_line(transfer& t, std::string_view line) {
  if (line.substr(0, 5) == "HTTP/") {
    read_status(t, line);
  } else if (!trimmed(line).empty()) {
    read_header(t, line);
  } else if (t.head.status >= 200) {  // after 1xx another head follows
    t.has_head = true;
    t.begin_wait();
    t.round.entries.push_back({t.id, round_log::kind::head, CURLE_OK, 0, 0});
    t.release_body();
  }
}

size_t on_header(char* data, size_t, size_t size, void* user) {
  auto& t = *static_cast<transfer*>(user);
  t.head_bytes += size;
  if (t.head_bytes > t.limits.head_bytes_max) {
    t.is_too_large = true;
    return 0;
  }
  if (t.has_head) return size;  // trailers
  return guarded(t, [&] { read_head_line(t, {data, size}); }) ? size : 0;
}

size_t on_read(char* target, size_t, size_t room, void* user) {
  auto& t = *static_cast<transfer*>(user);
  if (!t.request.body) return 0;
  auto size = std::min(room, t.request.body->size() - t.body_at);
  t.request.body->copy(target, size, t.body_at);
  t.body_at += size;
  t.active_at = t.loop.now();
  if (t.has_head) t.release_body();
  return size;
}

// A reused connection may turn out to be dead: libcurl then sends the body again on a new one.
int on_seek(void* user, curl_off_t offset, int origin) {
  auto& t = *static_cast<transfer*>(user);
  if (!t.request.body || origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  if (static_cast<size_t>(offset) > t.request.body->size()) return CURL_SEEKFUNC_FAIL;
  t.body_at = static_cast<size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

curl_socket_t on_open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& t = *static_cast<transfer*>(user);
  t.is_resolving = false;
  // With a proxy this is the proxy's address, which whoever runs the node has set.
  if (!t.request.proxy && !allows(*t.request.policy, &address->addr, address->addrlen)) {
    t.was_refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  address->protocol);
}

// A reused connection opens no socket: the address is checked before each request as well.
// NOLINTNEXTLINE(readability-non-const-parameter): curl_prereq_callback's
int on_before_request(void* user, char* primary_ip, char*, int primary_port, int) {
  auto& t = *static_cast<transfer*>(user);
  t.is_resolving = false;
  auto address = ip_address::parse(primary_ip);
  auto port = static_cast<uint16_t>(primary_port);
  if (!t.request.proxy && (!address || !allows(*t.request.policy, *address, port))) {
    t.was_refused = true;
    return CURL_PREREQFUNC_ABORT;
  }
  t.was_sent = true;
  t.body_at = 0;
  t.begin_wait();
  return CURL_PREREQFUNC_OK;
}

bool is_header_line(std::string_view line) {
  auto is_plain = [](char c) { return c >= 0x20 && c <= 0x7e; };
  return line.find(": ") != line.npos && std::all_of(line.begin(), line.end(), is_plain);
}

error broken(std::string_view reason, std::string sentence) {
  return make_error(errc::provider_failed, reason, std::move(sentence));
}

error fault_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return make_error(errc::timeout, "upstream_timeout", "The model provider did not answer.");
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return broken("upstream_unreachable", "The model provider cannot be reached.");
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return broken("upstream_tls", "No trusted connection to the model provider is possible.");
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return make_error(errc::unavailable);
    default:
      return broken("upstream_broken", "The connection to the model provider broke.");
  }
}

/// Without certificates those of the system are trusted. True if libcurl took them.
bool trust_only(CURL* easy, const std::string* certificates) {
  if (!certificates) return true;
  curl_blob trusted{const_cast<char*>(certificates->data()), certificates->size(), CURL_BLOB_COPY};
  return ::curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &trusted) == CURLE_OK &&
         ::curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr) == CURLE_OK;
}

}  // namespace

void round_log::add_bytes(upstream_call_id id, const char* data, size_t size) {
  if (size == 0) return;
  auto begin = bytes.size();
  bytes.append(data, size);
  if (!entries.empty() && entries.back().id == id && entries.back().what == kind::bytes)
    entries.back().size += size;
  else
    entries.push_back({id, kind::bytes, CURLE_OK, begin, size});
}

void round_log::clear() {
  constexpr size_t kept_bytes_max = 128 << 10;  // more than is read in a round
  entries.clear();
  bytes.clear();
  if (bytes.capacity() > kept_bytes_max) bytes.shrink_to_fit();
}

bool transfer::prepare(CURL* handle) {
  easy = handle;
  url = request.base.with_path(request.path);
  // Without an empty "Expect:" libcurl waits a second for 100-continue before a larger body.
  auto lines = request.headers;
  lines.push_back("Expect:");
  for (auto& line : lines) {
    if (line != "Expect:" && !is_header_line(line)) return false;
    auto* longer = ::curl_slist_append(headers, line.c_str());
    if (!longer) return false;
    headers = longer;
  }
  if (!request.auth_header.empty()) {
    if (!is_header_line(request.auth_header.reveal())) return false;
    auto* longer = ::curl_slist_append(headers, request.auth_header.reveal().c_str());
    if (!longer) return false;
    headers = longer;
  }
  bool is_ok = url != nullptr;
  auto set = [&](auto option, auto value) {
    is_ok = is_ok && ::curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  set(CURLOPT_CURLU, static_cast<CURLU*>(url.get()));
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  // Rather a stream of a connection that is being opened than another connection.
  set(CURLOPT_PIPEWAIT, request.base.is_https() ? 1L : 0L);
  is_ok = is_ok && trust_only(easy, request.ca_certificates.get());
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_UNRESTRICTED_AUTH, 0L);
  set(CURLOPT_PROXY, request.proxy ? request.proxy->url.c_str() : "");
  set(CURLOPT_NOPROXY, "");  // else the environment's
  if (request.proxy && !request.proxy->login.empty())
    set(CURLOPT_PROXYUSERPWD, request.proxy->login.reveal().c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // else removing a handle joins its resolver thread
  // It polls after each read; more would be memory of every stream (0062-a-long-reply).
  set(CURLOPT_BUFFERSIZE, 4096L);
  set(CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
  set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  // Our own timers end what hangs; libcurl's may be lost when it is called a little early.
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.total_ms));
  set(CURLOPT_TIMEOUT_MS, 0L);
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_WRITEFUNCTION, &on_write);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
  set(CURLOPT_OPENSOCKETDATA, this);
  set(CURLOPT_PREREQFUNCTION, &on_before_request);
  set(CURLOPT_PREREQDATA, this);
  if (request.body) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
  }
  is_body_whole = request.body && request.body->size() <= whole_body_bytes_max;
  if (is_body_whole) {
    set(CURLOPT_POSTFIELDS, request.body->data());
  } else if (request.body) {
    set(CURLOPT_READFUNCTION, &on_read);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, &on_seek);
    set(CURLOPT_SEEKDATA, this);
  }
  return is_ok;
}

void transfer::wipe_headers() {
  for (auto* line = headers; line; line = line->next)
    ::explicit_bzero(line->data, std::strlen(line->data));
  ::curl_slist_free_all(headers);
  headers = nullptr;
  request.auth_header = secret_text{};
}

void transfer::release_body() {
  if (!request.body) return;
  auto sent = static_cast<curl_off_t>(body_at);
  if (is_body_whole && easy) ::curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  if (sent >= static_cast<curl_off_t>(request.body->size())) request.body.reset();
}

void transfer::begin_wait() {
  active_at = loop.now();
  arm_deadline();
}

void transfer::arm_deadline() {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(due() - loop.now());
  deadline.arm(loop, std::max(left, std::chrono::milliseconds{0}));
}

std::chrono::steady_clock::time_point transfer::due() const {
  if (is_paused) return ends_at;
  auto wait_ms = limits.idle_ms;
  if (!listener)
    wait_ms = limits.drain_ms;
  else if (easy && !was_sent)
    wait_ms = limits.connect_ms;
  else if (!has_head)
    wait_ms = limits.first_byte_ms;
  return std::min(active_at + std::chrono::milliseconds{wait_ms}, ends_at);
}

bool transfer::may_pause() const {
  long version = CURL_HTTP_VERSION_NONE;
  if (!easy || is_finished || !has_head) return false;
  ::curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  return version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1;
}

void transfer::begin_turn() {
  is_resting = false;
  turn_begun = loop.now();
  turn_bytes = 0;
}

void transfer::note_bytes(size_t size) {
  if (turn_begun != loop.now()) begin_turn();
  turn_bytes += size;
  if (turn_bytes < turn_bytes_max || is_still() || !may_pause()) return;
  round.resting.push_back(id);
  is_resting = true;
  ::curl_easy_pause(easy, CURLPAUSE_RECV);
}

upstream_end transfer::end_of(CURLcode code) const {
  if (is_too_large)
    return {broken("upstream_too_large", "The model provider's answer is too large."), was_sent};
  if (code == CURLE_OK && has_head) return {error{}, was_sent};
  if (was_refused && !was_sent) {
    return {make_error(errc::invalid_input, "upstream_not_allowed",
                       "The address of the model provider is not allowed."),
            false};
  }
  // A proxy that does not let the call through answers no differently from one that breaks.
  if (request.proxy && !was_sent && code == CURLE_RECV_ERROR) return {fault_of(CURLE_PROXY), false};
  return {fault_of(code == CURLE_OK ? CURLE_GOT_NOTHING : code), was_sent};
}

uint32_t parse_retry_after(std::string_view value, int64_t now_s) {
  uint64_t seconds = 0;
  auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (fault == std::errc::result_out_of_range) return retry_after_s_max;
  if (fault != std::errc{} || (end != value.data() + value.size() && *end != '.')) {
    auto date = ::curl_getdate(std::string{value}.c_str(), nullptr);
    if (date <= now_s) return 0;
    seconds = static_cast<uint64_t>(date - now_s);
  }
  return static_cast<uint32_t>(std::min<uint64_t>(seconds, retry_after_s_max));
}

}  // namespace parley::providers
