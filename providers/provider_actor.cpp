#include "providers/provider_actor.hpp"

#include <random>

#include "providers/dialect.hpp"
#include "providers/retry.hpp"

namespace parley::providers {

namespace {

using std::chrono::milliseconds;

class provider_base : public pinned<provider_actor::base> {
 public:
  provider_base(caf::actor_config& config, io_loop& loop, provider_services given)
      : pinned<provider_actor::base>(config, loop), services(std::move(given)) {}
  const provider_services services;
};

struct running_call {
  running_call(std::function<void()> on_retry, std::function<void()> on_tick)
      : retry(std::move(on_retry)), tick(std::move(on_tick)) {}

  call_id id = 0;
  reply_sink_actor sink;
  const dialect* speaks = nullptr;
  std::optional<upstream_request> request;  // until a reply begins: it may have to be sent again
  upstream_call_id at = 0;                  // 0: waiting for the next attempt
  response_head head;
  std::unique_ptr<reply_parser> parser;  // of a 2xx response
  std::string refusal;                   // the body of another
  unsigned retries_left = 0;
  io_timer retry;
  io_timer tick;
};

struct provider_state : upstream_listener {
  explicit provider_state(provider_base* owner)
      : self(owner),
        reader(reply_json_limits(owner->services.reply)),
        random(std::random_device{}()) {}

  static inline const char* name = "provider";

  /// On the loop, where the actor was merely constructed by whoever spawned it.
  void open() {
    calls_upstream = std::make_unique<upstream>(self->loop(), self->services.limits);
    self->set_down_handler([this](caf::down_msg& down) { drop_calls_of(down.source); });
  }

  // -- messages ---------------------------------------------------------------------------------

  void on(const complete& message) {
    if (calls.count(message.call) != 0) return;
    auto id = message.call;
    auto call =
        std::make_unique<running_call>([this, id] { try_again(id); }, [this, id] { tick(id); });
    call->id = id;
    call->sink = message.sink;
    call->retries_left = self->services.retries_max;
    auto prepared = prepare(*call, message);
    if (!prepared) return tell(message.sink, reply_failed{id, std::move(prepared.error())});
    if (++sinks[call->sink.address()] == 1) self->monitor(call->sink);
    call->tick.arm(self->loop(), self->services.tick_length);
    auto& placed = *calls.emplace(id, std::move(call)).first->second;
    start(placed);
  }

  void on(const cancel_call& message) {
    if (auto* call = find(message.call)) remove(*call);
  }

  void on(const fail_calls&) {
    auto cause = make_error(errc::unavailable, "draining", "The server is stopping.");
    while (!calls.empty()) fail(*calls.begin()->second, cause);
  }

  // -- upstream_listener ------------------------------------------------------------------------

  void on_head(upstream_call_id at, const response_head& head) override {
    auto* call = find_at(at);
    if (!call) return;
    call->head = head;
    if (head.status < 200 || head.status > 299) return;
    call->request.reset();
    call->parser = call->speaks->make_parser({reader, false, self->services.reply});
  }

  void on_bytes(upstream_call_id at, std::string_view bytes) override {
    auto* call = find_at(at);
    if (!call) return;
    if (!call->parser) {
      call->refusal += bytes.substr(0, refusal_bytes_max - call->refusal.size());
      return;
    }
    std::vector<text_delta> deltas;
    auto pushed = call->parser->push(bytes, deltas);
    send_deltas(*call, std::move(deltas));
    if (!pushed) return fail(*call, std::move(pushed.error()));
    if (call->parser->is_complete()) finish(*call, {});
  }

  void on_end(upstream_call_id at, const upstream_end& end) override {
    auto* call = find_at(at);
    if (!call) return;
    call_at.erase(at);
    call->at = 0;
    if (call->parser) return finish(*call, end.fault);
    auto cause = end.fault;
    if (call->head.status != 0) {
      refused_response response{call->head.status, call->head.retry_after_s, call->refusal};
      cause = call->speaks->refusal_of(response, reader);
    }
    auto jitter = std::uniform_real_distribution<double>{0, 1}(random);
    auto wait = retry_wait(cause, call->retries_left, jitter);
    if (!wait) return fail(*call, std::move(cause));
    --call->retries_left;
    call->retry.arm(self->loop(), *wait);
  }

 private:
  expected<void> prepare(running_call& call, const complete& message) {
    auto& model = message.model;
    call.speaks = self->services.presets->dialect_of(model.provider);
    if (!call.speaks)
      return make_error(errc::invalid_input, "provider_unknown", "There is no such provider.");
    auto& services = self->services;
    auto policy = model.may_reach_private() ? services.admin_policy : services.user_policy;
    TRY(auto url, upstream_url::parse(model.base_url, *policy));
    auto key = model.api_key;  // of a model that is tried before it is stored
    if (key.empty() && !model.sealed_key.empty()) {
      TRY(key, services.keys->open(model.sealed_key, key_binding(model, url.origin())));
    }
    TRY(auto asked, call.speaks->build({model, message.messages, message.params, {}, {}}, key));
    call.request = upstream_request{std::move(url),
                                    std::move(asked.path),
                                    std::move(asked.headers),
                                    std::move(asked.auth_header),
                                    std::make_shared<const std::string>(std::move(asked.body)),
                                    std::move(policy)};
    return caf::unit;
  }

  void start(running_call& call) {
    call.head = {};
    call.refusal.clear();
    auto at = calls_upstream->start(*call.request, *this);
    if (!at) return fail(call, std::move(at.error()));
    call.at = *at;
    call_at.emplace(*at, call.id);
  }

  void try_again(call_id id) {
    if (auto* call = find(id)) start(*call);
  }

  void tick(call_id id) {
    auto* call = find(id);
    if (!call) return;
    tell(call->sink, reply_tick{id});
    call->tick.arm(self->loop(), self->services.tick_length);
  }

  /// The response is complete, or `fault` broke it off: then the reply may be whole all the same,
  /// from servers that close in a hurry.
  void finish(running_call& call, const error& fault) {
    std::vector<text_delta> deltas;
    auto end = call.parser->finish(deltas);
    send_deltas(call, std::move(deltas));
    if (!end) return fail(call, fault ? fault : std::move(end.error()));
    tell(call.sink, reply_finished{call.id, end->reason, std::move(end->used)});
    if (call.at != 0) calls_upstream->drain(call.at);
    forget(call);
  }

  void send_deltas(const running_call& call, std::vector<text_delta> deltas) {
    if (!deltas.empty()) tell(call.sink, reply_delta{call.id, std::move(deltas)});
  }

  void fail(running_call& call, error cause) {
    tell(call.sink, reply_failed{call.id, std::move(cause)});
    remove(call);
  }

  void remove(running_call& call) {
    if (call.at != 0) calls_upstream->cancel(call.at);
    forget(call);
  }

  void forget(running_call& call) {
    auto sink = sinks.find(call.sink.address());
    if (sink != sinks.end() && --sink->second == 0) {
      self->demonitor(sink->first);
      sinks.erase(sink);
    }
    call_at.erase(call.at);
    calls.erase(call.id);
  }

  void drop_calls_of(const caf::actor_addr& sink) {
    std::vector<call_id> ended;
    for (auto& [id, call] : calls) {
      if (call->sink.address() == sink) ended.push_back(id);
    }
    for (auto id : ended) remove(*calls[id]);
  }

  /// With the loop as execution unit, the sink runs on this thread: no wake-up per token. Without a
  /// sender, because an error of the sink's is not this actor's business.
  template <class Message>
  void tell(const reply_sink_actor& sink, Message message) {
    auto target = caf::actor_cast<caf::strong_actor_ptr>(sink);
    target->enqueue(nullptr, caf::make_message_id(), caf::make_message(std::move(message)),
                    &self->loop());
  }

  running_call* find(call_id id) {
    auto found = calls.find(id);
    return found == calls.end() ? nullptr : found->second.get();
  }

  running_call* find_at(upstream_call_id at) {
    auto found = call_at.find(at);
    return found == call_at.end() ? nullptr : find(found->second);
  }

  provider_base* self;
  json_reader reader;
  std::minstd_rand random;
  std::unordered_map<call_id, std::unique_ptr<running_call>> calls;
  std::unordered_map<upstream_call_id, call_id> call_at;
  std::map<caf::actor_addr, size_t> sinks;   // calls of each
  std::unique_ptr<upstream> calls_upstream;  // last: its end closes what the maps name
};

class provider_impl final : public caf::stateful_actor<provider_state, provider_base> {
 public:
  using caf::stateful_actor<provider_state, provider_base>::stateful_actor;

  behavior_type make_behavior() override {
    harden(this);
    state.open();
    return {handle<complete>(this), handle<cancel_call>(this), handle<fail_calls>(this)};
  }
};

}  // namespace

expected<provider_services> make_provider_services(const settings& values,
                                                   std::shared_ptr<const sealer> keys) {
  address_policy for_admins;
  for_admins.owner = model_owner::admin;
  address_policy for_users;
  for_users.ports = values.upstream_ports;
  for (auto& text : values.upstream_allow) {
    auto network = allowed_network::parse(text);
    if (!network) return make_error(errc::invalid_input, "upstream_allow: \"" + text + "\"");
    for_users.networks.push_back(*network);
  }
  auto milliseconds_of = [](std::chrono::seconds span) {
    return static_cast<uint32_t>(milliseconds{span}.count());
  };
  provider_services services;
  TRY(auto known, catalogue::load(values.providers_dir));
  services.presets = std::make_shared<const catalogue>(std::move(known));
  services.keys = std::move(keys);
  services.admin_policy = std::make_shared<const address_policy>(std::move(for_admins));
  services.user_policy = std::make_shared<const address_policy>(std::move(for_users));
  services.limits.connect_ms = milliseconds_of(values.upstream_connect_s);
  services.limits.first_byte_ms = milliseconds_of(values.upstream_first_byte_s);
  services.limits.idle_ms = milliseconds_of(values.upstream_idle_s);
  services.limits.calls_max = values.share_of_thread(values.upstream_calls_max);
  services.reply.line_bytes_max = values.upstream_line_bytes_max;
  services.reply.reply_bytes_max = values.reply_bytes_max;
  services.tick_length = values.checkpoint_ms;
  services.retries_max = static_cast<unsigned>(values.upstream_retries_max);
  return services;
}

provider_actor spawn_provider(io_loop& loop, provider_services services) {
  return spawn_pinned<provider_impl>(loop, std::move(services));
}

expected<std::string> check_model(const provider_services& services, const model_config& model) {
  auto& policy = model.may_reach_private() ? services.admin_policy : services.user_policy;
  auto url = upstream_url::parse(model.base_url, *policy);
  auto is_known = services.presets->dialect_of(model.provider) != nullptr;
  if (url && is_known) return url->origin();
  error_detail detail;
  detail.reason = url ? "provider_unknown" : detail_of(url.error()).reason;
  std::string sentence = "There is no such provider.";
  if (!is_known) detail.fields.push_back({"/provider", "known", "", sentence});
  if (!url) {
    sentence = sentence_of(url.error());
    detail.fields.push_back({"/baseUrl", "allowed", "", sentence});
  }
  return make_error(errc::invalid_input, std::move(sentence), std::move(detail));
}

}  // namespace parley::providers
