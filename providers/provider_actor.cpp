#include "providers/provider_actor.hpp"

#include <random>

#include "providers/channel_board.hpp"
#include "providers/dialect.hpp"
#include "providers/provider_metrics.hpp"
#include "providers/refusal.hpp"
#include "providers/retry.hpp"
#include "providers/running_call.hpp"
#include "providers/script_player.hpp"

namespace parley::providers {

namespace {

using std::chrono::milliseconds;

// 128 texts in vectors of 3,072 numbers are a third of it.
constexpr size_t embeddings_bytes_max = 8 << 20;
// Enough for models that think before they speak.
constexpr int32_t trial_tokens_max = 16;

class provider_base : public pinned<provider_actor::base> {
 public:
  provider_base(caf::actor_config& config, io_loop& loop, provider_services given)
      : pinned<provider_actor::base>(config, loop), services(std::move(given)) {}
  const provider_services services;
};

struct provider_state : upstream_listener {
  explicit provider_state(provider_base* owner)
      : self_(owner),
        reader_(reply_json_limits(owner->services.reply)),
        random_(std::random_device{}()),
        board_(owner->services.health, [this](const channel_changed& told) { tell_others(told); }) {
  }

  static inline const char* name = "provider";

  /// On the loop, where the actor was merely constructed by whoever spawned it.
  void open() {
    calls_upstream_ = std::make_unique<upstream>(self_->loop(), self_->services.limits);
    scripts_ = std::make_unique<script_player>(self_->loop(), self_->services.limits.calls_max);
    self_->set_down_handler([this](caf::down_msg& down) { drop_calls_of(down.source); });
  }

  // -- messages ---------------------------------------------------------------------------------

  void on(complete&& message) {
    if (calls_.count(message.call) != 0) return;
    auto& call = add_call(message.call, message.model);
    call.sink = message.sink;
    call.messages = std::move(message.messages);
    call.params = std::move(message.params);
    call.wishes = std::move(message.wishes);
    call.fallback = std::move(message.fallback);
    call.ways = ways_of(call.asked, call.fallback.get());
    if (++sinks_[call.sink.address()] == 1) self_->monitor(call.sink);
    call.arm_tick(self_->loop(), self_->services.tick_length);
    take_way(call, first_way(call));
  }

  caf::result<embedded> on(const embed& message) {
    if (message.texts.empty() || message.texts.size() > embedded_texts_max)
      return make_error(errc::invalid_input, "embedding_texts",
                        "Too many texts at a time, or none.");
    auto promise = self_->make_response_promise<embedded>();
    auto& call = add_call(make_call_id(), message.model);
    call.asker = answer<embedded>{promise};
    call.texts = message.texts;
    call.dimensions = message.dimensions;
    call.ways = ways_of(call.asked, nullptr);
    take_way(call, first_way(call));
    return promise;
  }

  caf::result<model_trial> on(const try_model& message) {
    auto promise = self_->make_response_promise<model_trial>();
    auto& call = add_call(make_call_id(), message.model);
    call.trier = answer<model_trial>{promise};
    call.retries_left = 0;
    call.messages.emplace_back().parts.emplace_back().text = "Say OK.";
    call.params = message.model.params;
    call.params.max_tokens = trial_tokens_max;
    call.ways = ways_of(call.asked, nullptr);
    take_way(call, 0);
    return promise;
  }

  caf::result<offer_list> on(const list_offers& message) {
    auto promise = self_->make_response_promise<offer_list>();
    auto& call = add_call(make_call_id(), message.model);
    call.lister = answer<offer_list>{promise};
    call.retries_left = 0;
    call.ways = ways_of(call.asked, nullptr);
    take_way(call, 0);
    return promise;
  }

  caf::result<channel_reports> on(const read_channels&) {
    return board_.report(self_->loop().now());
  }

  void on(const cancel_call& message) {
    if (auto* call = find(message.call)) remove(*call);
  }

  void on(const pause_call& message) {
    if (auto* call = find(message.call)) calls_upstream_->pause(call->at, message.is_paused);
  }

  void on(const channel_changed& message) { board_.adopt(message, self_->loop().now()); }

  void on(const meet_providers& message) { others_ = message.others; }

  void on(const fail_calls&) {
    auto cause = make_error(errc::unavailable, "draining", "The server is stopping.");
    while (!calls_.empty()) fail(*calls_.begin()->second, cause);
  }

  // -- upstream_listener ------------------------------------------------------------------------

  void on_head(upstream_call_id at, const response_head& head) override {
    auto* call = find_at(at);
    if (!call) return;
    call->head = head;
    if (!call->is_accepted() || call->is_read_whole()) return;
    auto has_tools = call->wishes && !call->wishes->tools.empty();
    call->parser = call->speaks->make_parser({reader_, has_tools, self_->services.reply});
    if (call->has_choice()) return;
    call->body.reset();
    call->wishes.reset();
  }

  void on_bytes(upstream_call_id at, std::string_view bytes) override {
    auto* call = find_at(at);
    if (!call) return;
    if (!call->parser) return read_whole(*call, bytes);
    std::vector<text_delta> deltas;
    auto pushed = call->parser->push(bytes, deltas);
    if (call->is_trial() && !deltas.empty()) return end_trial(*call);
    call->mask.apply(deltas);
    send_deltas(*call, std::move(deltas));
    if (!pushed) return break_off(*call, pushed.error());
    if (call->parser->is_complete()) finish(*call, {});
  }

  void on_end(upstream_call_id at, const upstream_end& end) override {
    auto* call = find_at(at);
    if (!call) return;
    call_at_.erase(at);
    call->at = 0;
    if (call->parser) return finish(*call, end.fault);
    if (call->head.status == 0) return give_up_way(*call, end.fault);
    if (!call->is_accepted()) {
      refused_response response{call->head.status, call->head.retry_after_s, call->answered};
      return give_up_way(*call, call->speaks->refusal_of(response, reader_));
    }
    if (end.fault) return give_up_way(*call, end.fault);
    if (call->is_listing()) return take_list(*call);
    auto read = call->speaks->read_embedding(call->answered, call->texts.size(), reader_);
    if (!read) return give_up_way(*call, read.error());
    note_answer(*call);
    call->asker.deliver({std::move(read->vectors), read->prompt_tokens, source_of(*call)});
    forget(*call);
  }

 private:
  void take_list(running_call& call) {
    auto read = call.speaks->read_discovery(call.answered, reader_);
    if (!read) return fail(call, read.error());
    for (auto& offer : *read) {
      offer.id = call.mask.masked(offer.id);
      offer.name = call.mask.masked(offer.name);
    }
    call.lister.deliver({std::move(*read)});
    forget(call);
  }

  /// The first token, or a reply that ended without one.
  void end_trial(running_call& call) {
    auto took = std::chrono::duration_cast<milliseconds>(self_->loop().now() - call.started_at);
    note_answer(call);
    call.is_heard = true;
    call.trier.deliver({took.count()});
    remove(call);
  }

  running_call& add_call(call_id id, const model_config& model) {
    auto call =
        std::make_unique<running_call>([this, id] { try_again(id); }, [this, id] { tick(id); });
    call->id = id;
    call->asked = model;
    call->retries_left = self_->services.retries_max;
    return *calls_.emplace(id, std::move(call)).first->second;
  }

  // -- ways -------------------------------------------------------------------------------------

  double draw() { return std::uniform_real_distribution<double>{0, 1}(random_); }

  size_t first_way(const running_call& call) {
    if (!call.has_choice()) return 0;
    auto free = board_.choose_free(call.ways, self_->loop().now(), draw());
    return free ? *free : board_.choose_any(call.ways).value_or(0);
  }

  void take_way(running_call& call, size_t way) {
    auto now = self_->loop().now();
    call.way = way;
    call.ways[way].was_tried = true;
    ++call.attempts;
    call.started_at = now;
    call.head = {};
    call.parser.reset();
    call.answered.clear();
    board_.begin(call.taken().key, now);
    auto request = request_for(call);
    if (!request) return give_up_way(call, request.error());
    auto at = call.speaks->is_scripted() ? scripts_->start(request->body, *this)
                                         : calls_upstream_->start(std::move(*request), *this);
    if (!at) return fail(call, std::move(at.error()));
    call.at = *at;
    call_at_.emplace(*at, &call);
  }

  /// Nothing came of this way. While nothing was told to the sink another one is taken, at once if
  /// it is in order; else this one again, after a pause; else one that is out of order.
  void give_up_way(running_call& call, error cause) {
    auto now = self_->loop().now();
    board_.fail(call.taken().key, now, cause);
    note_failure(call.model().provider, cause);
    auto is_misfit = channel_fault_of(cause) == channel_fault::none;
    if (!call.taken().is_fallback)
      call.own_fault = cause;
    else if (is_misfit && call.own_fault)  // what a fallback thinks of the request was not asked
      return fail(call, call.own_fault);
    if (call.is_heard || call.retries_left == 0) return fail(call, std::move(cause));
    auto helps = call.has_choice() && !is_misfit;
    auto next = helps ? board_.choose_free(call.ways, now, draw()) : std::nullopt;
    if (!next && !call.is_accepted()) {
      if (auto wait = retry_wait(cause, call.retries_left, draw())) {
        --call.retries_left;
        return call.retry.arm(self_->loop(), *wait);
      }
    }
    if (!next && helps) next = board_.choose_any(call.ways);
    if (!next) return fail(call, std::move(cause));
    --call.retries_left;
    take_way(call, *next);
  }

  void try_again(call_id id) {
    if (auto* call = find(id)) take_way(*call, call->way);
  }

  expected<upstream_request> request_for(running_call& call) {
    auto& way = call.taken();
    auto* model = &call.model();
    model_config moved;
    if (!way.channel().empty()) {
      moved = *model;
      moved.base_url = way.base_url;
      model = &moved;
    }
    call.speaks = self_->services.presets->dialect_of(model->provider);
    if (!call.speaks)
      return make_error(errc::invalid_input, "provider_unknown", "There is no such provider.");
    auto& services = self_->services;
    auto policy = model->may_reach_private() ? services.admin_policy : services.user_policy;
    TRY(auto url, upstream_url::parse(way.base_url, *policy));
    auto key = model->api_key;  // of a model that is tried before it is stored
    if (!way.sealed_key.empty()) {
      TRY(key, services.keys->open(way.sealed_key, key_binding(*model, url.origin())));
    }
    call.mask = key_mask{key};
    TRY(auto asked, ask_for(call, *model, key));
    if (call.is_listing() && call.speaks->is_scripted())
      call.body = std::make_shared<const std::string>(std::move(asked.body));
    upstream_request request{std::move(url),
                             std::move(asked.path),
                             std::move(asked.headers),
                             std::move(asked.auth_header),
                             call.body,
                             std::move(policy)};
    request.proxy = services.proxy.of(request.base, request.policy->owner);
    // Set by an ADMIN, and no longer trusted when its owner is none.
    if (model->ca_certificates && model->may_reach_private())
      request.ca_certificates = std::make_shared<const std::string>(*model->ca_certificates);
    return request;
  }

  /// The channels of a model are sent one body; path and key are made anew for each.
  expected<dialect_request> ask_for(running_call& call, const model_config& model,
                                    const secret_text& key) {
    auto is_fallback = call.taken().is_fallback;
    auto is_known = call.body && call.is_body_of_fallback == is_fallback;
    if (call.is_listing()) return call.speaks->build_discovery(model, key);
    if (call.is_embedding()) {
      static const std::vector<std::string> no_texts;
      TRY(auto asked, call.speaks->build_embedding(
                          {model, is_known ? no_texts : call.texts, call.dimensions}, key));
      if (!is_known) call.body = std::make_shared<const std::string>(std::move(asked.body));
      return asked;
    }
    static const std::vector<prompt_message> no_messages;
    auto& params = is_fallback ? call.fallback->params : call.params;
    static const call_wishes no_wishes;
    const auto& wishes = call.wishes ? *call.wishes : no_wishes;
    prompt wanted{model, is_known ? no_messages : call.messages, params, wishes.tools, {}, &wishes};
    TRY(auto asked, call.speaks->build(wanted, key));
    if (is_known) return asked;
    call.body = std::make_shared<const std::string>(std::move(asked.body));
    call.is_body_of_fallback = is_fallback;
    if (!call.fallback) call.messages = {};
    return asked;
  }

  std::optional<reply_source> source_of(const running_call& call) const {
    if (!call.has_choice()) return std::nullopt;
    auto& model = call.model();
    return reply_source{model.id, model.name, call.taken().channel(), call.attempts};
  }

  void note_answer(const running_call& call) {
    auto latency = std::chrono::duration_cast<milliseconds>(self_->loop().now() - call.started_at);
    board_.answer(call.taken().key, latency);
    note_first_token(call.model().provider, latency);
  }

  void tell_others(const channel_changed& told) {
    for (auto& other : others_) caf::anon_send(other, told);
  }

  // -- what comes -------------------------------------------------------------------------------

  void read_whole(running_call& call, std::string_view bytes) {
    if (!call.is_accepted()) {
      call.answered += bytes.substr(0, refusal_bytes_max - call.answered.size());
      return;
    }
    if (call.answered.size() + bytes.size() > embeddings_bytes_max)
      return break_off(call, reply_too_large());
    call.answered += bytes;
  }

  void tick(call_id id) {
    auto* call = find(id);
    if (!call) return;
    tell(call->sink, reply_tick{id});
    call->arm_tick(self_->loop(), self_->services.tick_length);
  }

  /// The response is complete, or `fault` broke it off: then the reply may be whole all the same,
  /// from servers that close in a hurry.
  void finish(running_call& call, const error& fault) {
    std::vector<text_delta> deltas;
    auto end = call.parser->finish(deltas);
    if (call.is_trial() && (end || !deltas.empty())) return end_trial(call);
    call.mask.apply(deltas);
    if (end || call.is_heard) call.mask.release(deltas);
    send_deltas(call, std::move(deltas));
    if (!end) return break_off(call, fault ? fault : end.error());
    for (auto& made : end->calls) {
      for (auto* text : {&made.call_id, &made.name, &made.arguments})
        *text = call.mask.masked(*text);
    }
    if (!call.is_heard) note_answer(call);
    tell(call.sink,
         reply_finished{call.id, end->reason, std::move(end->used), std::move(end->calls)});
    if (call.at >= script_player::own_ids)
      scripts_->cancel(call.at);
    else if (call.at != 0)
      calls_upstream_->drain(call.at);
    forget(call);
  }

  void close(upstream_call_id at) {
    if (at >= script_player::own_ids)
      scripts_->cancel(at);
    else
      calls_upstream_->cancel(at);
  }

  /// The answer is no good; what may still come of it is not waited for.
  void break_off(running_call& call, error cause) {
    if (call.is_heard) {
      std::vector<text_delta> held;
      call.mask.release(held);
      send_deltas(call, std::move(held));
    }
    if (call.at != 0) {
      close(call.at);
      call_at_.erase(std::exchange(call.at, 0));
    }
    give_up_way(call, std::move(cause));
  }

  void send_deltas(running_call& call, std::vector<text_delta> deltas) {
    if (deltas.empty()) return;
    reply_delta told{call.id, std::move(deltas)};
    if (!std::exchange(call.is_heard, true)) {
      note_answer(call);
      told.source = source_of(call);
      call.body.reset();
      call.messages = {};
    }
    tell(call.sink, std::move(told));
  }

  void fail(running_call& call, error cause) {
    if (call.is_embedding())
      call.asker.fail(std::move(cause));
    else if (call.is_listing())
      call.lister.fail(std::move(cause));
    else if (call.is_trial())
      call.trier.fail(std::move(cause));
    else
      tell(call.sink, reply_failed{call.id, std::move(cause)});
    remove(call);
  }

  void remove(running_call& call) {
    if (call.at != 0) {
      close(call.at);
      if (!call.is_heard) board_.leave(call.taken().key);
    }
    forget(call);
  }

  void forget(running_call& call) {
    auto sink = call.sink ? sinks_.find(call.sink.address()) : sinks_.end();
    if (sink != sinks_.end() && --sink->second == 0) {
      self_->demonitor(sink->first);
      sinks_.erase(sink);
    }
    call_at_.erase(call.at);
    calls_.erase(call.id);
  }

  void drop_calls_of(const caf::actor_addr& sink) {
    std::vector<call_id> ended;
    for (auto& [id, call] : calls_) {
      if (call->sink && call->sink.address() == sink) ended.push_back(id);
    }
    for (auto id : ended) remove(*calls_[id]);
  }

  /// With the loop as execution unit, the sink runs on this thread: no wake-up per token. Without a
  /// sender, because an error of the sink's is not this actor's business.
  template <class Message>
  void tell(const reply_sink_actor& sink, Message message) {
    auto target = caf::actor_cast<caf::strong_actor_ptr>(sink);
    target->enqueue(nullptr, caf::make_message_id(), caf::make_message(std::move(message)),
                    &self_->loop());
  }

  running_call* find(call_id id) {
    auto found = calls_.find(id);
    return found == calls_.end() ? nullptr : found->second.get();
  }

  running_call* find_at(upstream_call_id at) {
    auto found = call_at_.find(at);
    return found == call_at_.end() ? nullptr : found->second;
  }

  provider_base* self_;
  json_reader reader_;
  std::minstd_rand random_;
  std::unordered_map<call_id, std::unique_ptr<running_call>> calls_;
  std::unordered_map<upstream_call_id, running_call*> call_at_;  // of these
  std::map<caf::actor_addr, size_t> sinks_;                      // calls of each
  channel_board board_;
  std::vector<channel_listener_actor> others_;
  std::unique_ptr<script_player> scripts_;
  std::unique_ptr<upstream> calls_upstream_;  // last: its end closes what the maps name
};

class provider_impl final : public caf::stateful_actor<provider_state, provider_base> {
 public:
  using caf::stateful_actor<provider_state, provider_base>::stateful_actor;

  behavior_type make_behavior() override {
    harden(this);
    state.open();
    return handle_table<provider_actor>(this);
  }
};

}  // namespace

provider_actor spawn_provider(io_loop& loop, provider_services services) {
  return spawn_pinned<provider_impl>(loop, std::move(services));
}

}  // namespace parley::providers
