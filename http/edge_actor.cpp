#include "http/edge_actor.hpp"

#include "base/api_key.hpp"
#include "base/crypto.hpp"
#include "base/log.hpp"
#include "base/release.hpp"
#include "base/text.hpp"
#include "http/credential.hpp"
#include "http/edge.hpp"
#include "http/errors.hpp"
#include "http/forwarded.hpp"
#include "http/guard_head.hpp"
#include "http/loopback.hpp"
#include "http/route_scopes.hpp"

namespace parley::http {

namespace {

using edge_self = pinned<caf::stateful_actor<edge, edge_actor::base>>;

class edge_impl final : public edge_self {
 public:
  edge_impl(caf::actor_config& config, io_loop& loop, edge_parts parts, listen_address address,
            listen_result listening)
      : edge_self(config, loop),
        parts_(std::move(parts)),
        address_(std::move(address)),
        listening_(std::move(listening)) {}

  behavior_type make_behavior() override {
    state.begin(loop(), std::move(parts_), address_, listening_);
    // In the order in which a message is looked for: what comes with each token first.
    return {
        handle<slice>(this),          handle<request_arrived>(this), handle<client_gone>(this),
        handle<buffer_drained>(this), handle<event_slice>(this),     handle<call_slice>(this),
        handle<drain>(this),          handle<cut_exchanges>(this),   handle<count_streams>(this)};
  }

 private:
  edge_parts parts_;
  listen_address address_;
  listen_result listening_;
};

/// If-None-Match (RFC 9110, 13.1.2): any, or a list of which one is the same; W/ does not count.
bool is_none_match_met(std::string_view header, std::string_view tag) {
  while (!header.empty()) {
    auto known = header.substr(0, header.find(','));
    header.remove_prefix(std::min(header.size(), known.size() + 1));
    known = trim_blanks(known);
    if (known == "*") return true;
    if (known.starts_with("W/")) known.remove_prefix(2);
    if (known == tag) return true;
  }
  return false;
}

/// Of those that a browser's client of /v1 wants to send: the key, and what the SDKs tell of
/// themselves.
std::string v1_headers_asked(const exchange& x) {
  if (x.shape == error_shape::own) return {};
  std::string more = ", x-api-key, anthropic-version, anthropic-beta";
  auto asked = x.request.head.headers.find("access-control-request-headers").value_or("");
  while (!asked.empty()) {
    auto name = asked.substr(0, asked.find(','));
    asked.remove_prefix(std::min(asked.size(), name.size() + 1));
    name = trim_blanks(name);
    if (name.starts_with("x-stainless-")) more.append(", ").append(name);
  }
  return more;
}

std::vector<address_range> parse_ranges(const std::vector<std::string>& texts) {
  std::vector<address_range> ranges;
  for (const auto& text : texts)
    if (auto range = address_range::parse(text)) ranges.push_back(*range);
  return ranges;
}

reactor_settings reactor_settings_of(const settings& from) {
  reactor_settings to;
  to.guard.head_bytes_max = from.head_bytes_max;
  to.guard.line_bytes_max = from.line_bytes_max;
  to.guard.uri_bytes_max = from.uri_bytes_max;
  to.guard.headers_max = from.headers_max;
  to.head_time_max = from.head_deadline_s;
  to.body_time_max = from.body_deadline_s;
  to.idle_time_max = from.keep_alive_s;
  to.write_stall_max = to.listener.write_stall_max = from.write_stall_max_s;
  to.out_bytes_max = from.out_bytes_max;
  // One body must fit, whatever the share.
  to.bodies_bytes_max =
      std::max({from.share_of_thread(from.bodies_bytes_max), from.chat_body_bytes_max,
                from.json_body_bytes_max, piece_bytes_max});
  to.requests_per_connection_max = static_cast<uint32_t>(from.requests_per_connection_max);
  to.connections_max = static_cast<uint32_t>(from.share_of_thread(from.connections_max));
  to.strangers_per_address_max =
      static_cast<uint32_t>(from.share_of_thread(from.connections_per_address_max));
  to.strangers_max = static_cast<uint32_t>(from.share_of_thread(from.connections_unadmitted_max));
  to.trusted_proxies = parse_ranges(from.trusted_proxies);
  return to;
}

}  // namespace

edge_actor spawn_edge(caf::actor_system& system, io_loop& loop, edge_parts parts,
                      listen_address address, listen_result listening) {
  caf::actor_config config{&loop};
  return system.spawn_class<edge_impl, caf::lazy_init>(config, loop, std::move(parts),
                                                       std::move(address), std::move(listening));
}

void edge::begin(io_loop& loop, edge_parts parts, const listen_address& address,
                 const listen_result& listening) {
  harden(self_);
  loop_ = &loop;
  parts_ = std::move(parts);
  const auto& values = *parts_.values;
  engine_ = std::make_unique<engine>(
      engine::settings{static_cast<int>(values.keep_alive_s.count()),
                       static_cast<int>(values.requests_per_connection_max)});
  trusted_ = parse_ranges(values.trusted_proxies);
  reactor_ =
      std::make_unique<reactor>(loop, parts_.routes->table(), *this, reactor_settings_of(values));
  self_->set_down_handler([this](caf::down_msg& down) {
    std::erase_if(users_, [&](const auto& entry) { return entry.second.address() == down.source; });
    on_holder_down(down.source);
    on_source_down(down.source);
    on_call_down(down.source);
  });
  heart_ = std::make_unique<io_timer>([this] { beat(); });
  heart_->arm(loop, std::chrono::seconds{1});
  auto listens = reactor_->listen(address.host, address.port);
  listening(listens ? expected<uint16_t>{reactor_->port()} : expected<uint16_t>{listens.error()});
}

// A crash: everybody who waits is cut, so that no client takes a part for the whole, and sessions
// forget their readers.
edge::~edge() {
  for (auto& [key, open] : exchanges_) leave(*open);
}

exchange* edge::find(exchange_key key) {
  auto found = exchanges_.find(key);
  return found == exchanges_.end() ? nullptr : found->second.get();
}

template <class M>
void edge::tell_self(M message) {
  auto self = caf::actor_cast<caf::strong_actor_ptr>(self_);
  self->enqueue(nullptr, caf::make_message_id(), caf::make_message(std::move(message)), loop_);
}

void edge::on_request(exchange_ref ref, clean_request&& request) {
  auto& x = open_exchange(ref, std::move(request));
  tell_self(request_arrived{x.key()});
}

void edge::on_refused(exchange_ref ref, refusal&& why) {
  clean_request request;
  request.head = std::move(why.head);
  request.route = no_route;
  auto& x = open_exchange(ref, std::move(request));
  x.reason = to_string(why.code);
  auto reason = why.status == 405 ? "method_not_allowed" : why.status == 415 ? "media_type" : "";
  auto what = shaped_error_answer(x.shape, make_error(why.code, reason, why.sentence), x.request_id,
                                  why.status);
  if (why.status == 405) what.headers.emplace_back("Allow", to_string(why.allow));
  answer_now(x, std::move(what));
}

void edge::on_gone(exchange_ref ref) {
  tell_self(client_gone{key_of(ref)});
}
void edge::on_writable(exchange_ref ref) {
  tell_self(buffer_drained{key_of(ref)});
}

exchange& edge::open_exchange(exchange_ref ref, clean_request&& request) {
  auto made = std::make_unique<exchange>();
  auto& x = *made;
  x.ref = ref;
  x.request = std::move(request);
  x.started = loop_->now();
  x.frame = {x.request.head.verb == method::head, x.request.head.is_http_1_0,
             reactor_->is_keep_alive(ref)};
  read_client(x);
  x.deadline = std::make_unique<io_timer>([this, key = x.key()] {
    if (auto* late = find(key)) fail(*late, make_error(errc::timeout));
  });
  x.deadline->arm(*loop_, parts_.values->answer_deadline_s);
  exchanges_.insert_or_assign(x.key(), std::move(made));
  return x;
}

void edge::read_client(exchange& x) {
  const auto& headers = x.request.head.headers;
  x.request_id = request_id_of(headers.find("x-request-id"));
  x.address =
      to_string(client_address(reactor_->peer(x.ref), headers.find("x-forwarded-for"), trusted_));
  x.user_agent = std::string{headers.find("user-agent").value_or("").substr(0, 300)};
  x.shape = shape_of(x.request.head.path, headers.find("anthropic-version").has_value());
  auto origin = headers.find("origin");
  const auto& allowed = parts_.values->cors_origins;
  if (origin && std::find(allowed.begin(), allowed.end(), *origin) != allowed.end())
    x.origin = *origin;
  // RFC 9110, section 13.1.2: 304 answers a GET or HEAD only.
  auto verb = x.request.head.verb;
  if (auto tag = headers.find("if-none-match"); verb == method::get || verb == method::head)
    x.if_none_match = tag;
}

void edge::on(const request_arrived& arrived) {
  auto* x = find(arrived.exchange);
  if (x == nullptr) return;
  if (x->request.route == no_route) return answer_options(*x);
  answer now;
  auto handler = [&](const parsed_request& request, answer& to) {
    inline_answer_ = &now;
    x->steps.served = std::chrono::steady_clock::now();
    if (auto served = serve(*x, request); !served) fail(*x, served.error());
    inline_answer_ = nullptr;
    if (now.status == 0) return engine::verdict::later;
    to = std::move(now);
    return engine::verdict::now;
  };
  now.status = 0;
  auto bytes = engine_->run(x->request, x->frame.is_keep_alive, handler);
  inline_answer_ = nullptr;
  if (!bytes) return fail(*x, bytes.error());
  if (!*bytes) {
    release(x->request.body);
    return;
  }
  reactor_->answer(x->ref, std::move(**bytes), x->frame.is_keep_alive);
  close_exchange(arrived.exchange);
}

expected<void> edge::serve(exchange& x, const parsed_request& request) {
  if (parts_.is_loopback_only) TRY_DONE(check_loopback(x.request.head, reactor_->peer(x.ref)));
  TRY_DONE(check_caller(x, request));
  TRY_DONE(check_rate(x));
  return parts_.routes->handler(x.request.route)(*this, x, request);
}

expected<void> edge::check_caller(exchange& x, const parsed_request& request) const {
  const auto& row = parts_.routes->table().row(x.request.route);
  if (row.min_role == caller_role::anyone) return {};
  auto credential = read_credential(request, row);
  if (!credential) return make_error(errc::unauthenticated, "token_missing", "Please log in.");
  auto needs = row.min_role == caller_role::admin ? role::admin : role::user;
  if (api_key_text::is_meant(*credential)) {
    auto key = api_key_text::parse(*credential);
    if (!key) return make_error(errc::unauthenticated, "key_invalid", "This is no API key.");
    auto hash = key->stored_form();
    x.who = {key->user,
             stream_login_of(hash),
             0,
             needs,
             x.request_id,
             x.address,
             hash,
             scope_of(need_of(row.verb, row.pattern))};
    return {};
  }
  TRY(auto claims, parts_.signer->verify(*credential, parts_.clock->now()));
  x.role = claims.role;
  x.who = {claims.user, claims.login, claims.version, needs, x.request_id, x.address};
  if (row.min_role == caller_role::admin && claims.role != name_of(role::admin))
    return make_error(errc::forbidden);
  return {};
}

expected<std::optional<request_key>> edge::read_key(const exchange& x,
                                                    const parsed_request& request) const {
  constexpr size_t length_max = 64;
  auto key = request.header("Idempotency-Key");
  if (!key) return std::optional<request_key>{};
  auto is_allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  if (key->empty() || key->size() > length_max ||
      !std::all_of(key->begin(), key->end(), is_allowed))
    return make_error(errc::malformed, "idempotency_key",
                      "An Idempotency-Key has 1 to 64 letters, digits, '_' or '-'.");
  const auto& row = parts_.routes->table().row(x.request.route);
  return std::optional<request_key>{
      request_key{std::string{to_string(row.verb)} + ' ' + std::string{row.pattern}, *key,
                  hex(sha256(request.body()))}};
}

expected<void> edge::check_rate(exchange& x) {
  const auto& row = parts_.routes->table().row(x.request.route);
  // A key only says whose it is: until USER has admitted it, nobody else's share is taken.
  auto is_proved = !x.who.is_key() || admitted_keys_.count(x.who.login) != 0;
  auto whose = x.who.user.is_none() || !is_proved ? x.address : to_string(x.who.user);
  x.rate = parts_.rates->take(whose, row.rate, loop_->now());
  if (x.rate.is_allowed) return {};
  error_detail detail;
  detail.reason = "rate_limited";
  detail.retry_after_s = x.rate.wait_s;
  return make_error(errc::rate_limited, "Too many requests, please wait a moment.", detail);
}

void edge::answer_options(exchange& x) {
  auto what = empty_answer();
  what.headers.emplace_back("Allow", to_string(x.request.methods));
  if (!x.origin.empty()) {
    what.headers.emplace_back("Access-Control-Allow-Methods", to_string(x.request.methods));
    what.headers.emplace_back(
        "Access-Control-Allow-Headers",
        "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
        "Prefer, X-Request-Id" +
            v1_headers_asked(x));
    what.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  answer_now(x, std::move(what));
}

void edge::add_standing_headers(const exchange& x, answer& what) const {
  auto add = [&](const char* header, std::string value) {
    what.headers.emplace_back(header, std::move(value));
  };
  add("X-Request-Id", x.request_id);
  add("X-Content-Type-Options", "nosniff");
  add("Referrer-Policy", "no-referrer");
  // What a handler says of these stands.
  auto has = [&](std::string_view header) {
    return std::any_of(what.headers.begin(), what.headers.end(),
                       [&](const auto& known) { return known.first == header; });
  };
  if (!has("Cache-Control")) add("Cache-Control", "no-store");
  if (what.content_type.starts_with("text/html") && !has("Content-Security-Policy"))
    add("Content-Security-Policy",
        "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'");
  if (x.shape == error_shape::anthropic) add("request-id", x.request_id);
  if (x.rate.limit != 0 && x.shape != error_shape::own) {
    add("x-ratelimit-limit-requests", std::to_string(x.rate.limit));
    add("x-ratelimit-remaining-requests", std::to_string(x.rate.remaining));
    add("x-ratelimit-reset-requests", std::to_string(x.rate.reset_s) + "s");
  } else if (x.rate.limit != 0) {
    add("RateLimit-Limit", std::to_string(x.rate.limit));
    add("RateLimit-Remaining", std::to_string(x.rate.remaining));
    add("RateLimit-Reset", std::to_string(x.rate.reset_s));
  }
  if (!x.origin.empty()) {
    add("Access-Control-Allow-Origin", x.origin);
    add("Access-Control-Expose-Headers",
        x.shape == error_shape::own
            ? "Content-Disposition, ETag, Location, Retry-After, RateLimit-Limit, "
              "RateLimit-Remaining, RateLimit-Reset, X-Request-Id"
            : "Retry-After, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
              "x-ratelimit-reset-requests, X-Request-Id, request-id");
  }
  if (!parts_.values->cors_origins.empty()) add("Vary", "Origin");
}

void edge::answer_now(exchange& x, answer what) {
  if (what.status == 200 && x.if_none_match) {
    for (auto& [header, value] : what.headers)
      if (header == "ETag" && is_none_match_met(*x.if_none_match, value)) {
        what.status = 304;
        what.body.clear();
        what.content_type.clear();
        break;
      }
  }
  add_standing_headers(x, what);
  log_exchange(x, what.status);
  x.deadline->cancel();
  if (inline_answer_ != nullptr) {
    *inline_answer_ = std::move(what);
    return;
  }
  auto key = x.key();
  auto ref = x.ref;
  auto keeps = x.frame.is_keep_alive;
  auto bytes = engine_->write(std::move(what), x.frame);
  close_exchange(key);
  reactor_->answer(ref, std::move(bytes), keeps);
}

void edge::fail(exchange& x, const error& cause) {
  x.reason = detail_of(cause).reason;
  if (x.reason.empty()) x.reason = to_string(code_of(cause));
  if (x.feed) return end_feed(x);
  if (x.download) return break_download(x, cause);
  if (x.file) return break_file(x, cause);
  if (x.call && x.call->has_begun) return break_call(x, cause);
  if (x.stream && x.stream->has_begun) {
    slice last;
    last.error = message_error_of(cause);
    last.stream = x.key();
    return on(last);
  }
  auto code = code_of(cause);
  if (code == errc::internal || code == errc::storage_failed || code == errc::corrupt_data)
    log_error("http.failed", {{"request", x.request_id}, {"error", cause}});
  answer_now(x, shaped_error_answer(x.shape, cause, x.request_id));
}

void edge::close_exchange(exchange_key key) {
  exchanges_.erase(key);
}

void edge::on(const client_gone& gone) {
  auto* x = find(gone.exchange);
  if (x == nullptr) return;
  log_left(*x);
  leave(*x);
  close_exchange(gone.exchange);
}

// Listeners come back elsewhere; replies have their time.
void edge::on(const drain&) {
  std::vector<exchange_key> listening;
  for (auto& [key, open] : exchanges_)
    if (open->feed) listening.push_back(key);
  for (auto key : listening) end_feed(*find(key));
  reactor_->drain();
}

void edge::on(const cut_exchanges&) {
  auto cause = make_error(errc::unavailable, "draining", "The server is stopping.");
  std::vector<exchange_key> waiting;
  for (auto& [key, open] : exchanges_) waiting.push_back(key);
  for (auto key : waiting)
    if (auto* x = find(key)) break_reply(*x, cause);
}

caf::result<stream_count> edge::on(const count_streams&) {
  return stream_count{reactor_->counters().exchanges};
}

void edge::with_user(exchange_key key, user_id user, const user_callback& use) {
  if (auto known = users_.find(user); known != users_.end()) return use(known->second);
  self_->request(parts_.directory, caf::infinite, locate{user})
      .then(
          [this, user, use](const located& found) {
            auto [known, is_new] = users_.insert_or_assign(user, found.holder);
            if (is_new) self_->monitor(found.holder);
            use(known->second);
          },
          [this, key](const error& cause) {
            if (auto* open = find(key)) fail(*open, cause);
          });
}

void edge::note_admitted(const exchange& x) {
  constexpr size_t keys_max = 10'000;
  reactor_->admit(x.ref);
  if (!x.who.is_key()) return;
  if (admitted_keys_.size() >= keys_max) admitted_keys_.clear();
  admitted_keys_.insert(x.who.login);
}

void edge::forget_user(user_id user) {
  auto known = users_.find(user);
  if (known == users_.end()) return;
  self_->demonitor(known->second.address());
  users_.erase(known);
}

}  // namespace parley::http
