#include "actors/impl/call_actor.hpp"

#include "actors/floating.hpp"
#include "actors/impl/spend_pace.hpp"
#include "base/log.hpp"
#include "base/release.hpp"
#include "base/text.hpp"
#include "chat/usage_entry.hpp"

namespace parley {

namespace {

/// Whoever was let in and does not begin has crashed.
constexpr std::chrono::seconds start_wait_max{30};
/// Longer texts are estimated by their bytes, in the rare case that no provider tells the usage.
constexpr size_t counted_bytes_max = size_t{64} << 10;
/// That wait for the reader's credit before the upstream is made to wait.
constexpr int64_t unread_bytes_max = 8 << 10;

/// What has to be counted if the provider does not say what a call took.
class usage_estimate {
 public:
  void take_prompt(const std::vector<prompt_message>& messages);
  void take_prompt(const std::vector<std::string>& texts);
  void take_reply(const text_delta& delta);
  bool has_reply() const { return reply_bytes_ > 0; }
  usage make(const token_counter& counter, const token_rule& rule) const;

 private:
  static void take(std::string& text, size_t& bytes, std::string_view more);
  static int64_t count(const token_counter& counter, const token_rule& rule,
                       const std::string& text, size_t bytes);

  std::string prompt_;
  size_t prompt_bytes_ = 0;
  size_t messages_ = 0;
  std::string reply_;
  size_t reply_bytes_ = 0;
  size_t thought_bytes_ = 0;
};

void usage_estimate::take(std::string& text, size_t& bytes, std::string_view more) {
  bytes += more.size();
  if (bytes <= counted_bytes_max)
    text += more;
  else
    release(text);
}

void usage_estimate::take_prompt(const std::vector<prompt_message>& messages) {
  messages_ = messages.size();
  for (const auto& message : messages) {
    take(prompt_, prompt_bytes_, sent_text_of(message.parts));
    for (const auto& made : message.calls) take(prompt_, prompt_bytes_, made.arguments);
  }
}

void usage_estimate::take_prompt(const std::vector<std::string>& texts) {
  for (const auto& text : texts) take(prompt_, prompt_bytes_, text);
}

void usage_estimate::take_reply(const text_delta& delta) {
  take(reply_, reply_bytes_, delta.text);
  if (delta.type == part_type::reasoning) thought_bytes_ += delta.text.size();
}

int64_t usage_estimate::count(const token_counter& counter, const token_rule& rule,
                              const std::string& text, size_t bytes) {
  if (bytes > counted_bytes_max) return static_cast<int64_t>(bytes) / bytes_per_token;
  return content_tokens(rule, sum_of(counter.measure(rule.vocabulary, text)));
}

usage usage_estimate::make(const token_counter& counter, const token_rule& rule) const {
  usage made;
  constexpr int64_t tokens_per_message = 4;
  made.prompt_tokens = count(counter, rule, prompt_, prompt_bytes_) + tokens_per_conversation +
                       tokens_per_message * static_cast<int64_t>(messages_);
  made.completion_tokens = count(counter, rule, reply_, reply_bytes_);
  if (thought_bytes_ > 0 && reply_bytes_ > 0)
    made.reasoning_tokens = made.completion_tokens * static_cast<int64_t>(thought_bytes_) /
                            static_cast<int64_t>(reply_bytes_);
  made.source = usage_source::estimated;
  return made;
}

struct call_state {
  using pointer = call_actor::stateful_pointer<call_state>;
  static inline const char* name = "call";
  explicit call_state(pointer actor) : self(actor) {}

  void begin(call_place given, const token_counter& lent);
  void on(start_call&& asked);
  caf::result<embedded> on(start_embedding&& asked);
  void on(const grant_call& grant);
  void on(const leave_call& leaving);
  void on(const end_streams& end);
  void on(const spend_ruled& ruling);
  void on(const reply_delta& delta);
  void on(const reply_finished& finished);
  void on(const reply_failed& failed);
  void on(const reply_tick& tick);

  pointer self;

 private:
  void on_down(const caf::down_msg& down);
  void watch(const provider_actor& by);
  void reserve(std::function<void()> then);
  void find_fallback(const std::shared_ptr<complete>& call, const reply_params& asked);
  void send_to_provider(complete&& call);
  void report_tokens();
  usage estimated() const { return estimate_.make(*counter_, rule_); }
  const model_config& priced_model() const;
  void embed_more();
  void serve();
  void pace();
  std::vector<text_delta> take_pending(int64_t bytes_max);
  void break_off(const error& cause);
  void report(std::optional<usage> used, const error& cause = {});
  void log_end(const usage& used, const error& cause) const;
  void quit();

  call_place place_;
  const token_counter* counter_ = nullptr;
  provider_actor provider_;
  call_id call_ = 0;  // 0: not begun, or over
  bool is_begun_ = false;
  bool is_whole_ = false;
  bool is_left_ = false;
  int64_t credit_ = 0;
  std::vector<text_delta> pending_;
  int64_t pending_bytes_ = 0;
  bool is_paused_ = false;
  usage_estimate estimate_;
  token_rule rule_;
  // What it may use: reserved as this reply's, metered while it comes.
  message_id reply_ = message_id::make();
  std::optional<token_meter> meter_;
  int64_t report_at_ = 0;
  caf::actor_clock::time_point reported_{};
  std::optional<model_config> fallback_;
  std::optional<reply_source> source_;
  std::optional<call_end> end_;
  caf::actor_clock::time_point started_{};
  std::optional<caf::actor_clock::time_point> first_token_;
  bool is_reported_ = false;
  // Of an embedding.
  std::vector<std::string> texts_;
  int32_t dimensions_ = 0;
  embedded vectors_;
  answer<embedded> asker_;
};

void call_state::begin(call_place given, const token_counter& lent) {
  harden(self);
  place_ = std::move(given);
  counter_ = &lent;
  rule_ = token_rule_of(place_.model.model);
  self->monitor(place_.parent);
  self->set_down_handler([this](caf::down_msg& down) { on_down(down); });
  self->delayed_send(self, start_wait_max, reply_tick{});
}

void call_state::on_down(const caf::down_msg& down) {
  if (down.source == place_.parent.address())
    return break_off(make_error(errc::unavailable, "session_lost", "Please try again."));
  if (provider_ && down.source == provider_.address())
    break_off(make_error(errc::unavailable, "provider_lost", "Please try again."));
}

void call_state::watch(const provider_actor& by) {
  is_begun_ = true;
  started_ = self->clock().now();
  provider_ = by;
  self->monitor(provider_);
}

void call_state::on(start_call&& asked) {
  if (is_begun_) return;
  watch(asked.provider);
  is_whole_ = asked.credit == 0;
  credit_ = asked.credit;
  call_ = make_call_id();
  estimate_.take_prompt(asked.messages);
  complete call;
  call.call = call_;
  call.sink = caf::actor_cast<reply_sink_actor>(self);
  call.caller = place_.owner;
  call.model = place_.model;
  call.messages = std::move(asked.messages);
  call.params = merge(asked.params, place_.model.params);
  call.wishes = std::move(asked.wishes);
  // Shared, because CAF copies what a callback holds.
  auto held = std::make_shared<complete>(std::move(call));
  reserve([this, held, params = std::move(asked.params)] { find_fallback(held, params); });
}

// Before anything is asked of the model: what is over its budget costs nothing.
void call_state::reserve(std::function<void()> then) {
  reserve_spend wanted;
  wanted.reply = reply_;
  wanted.by = place_.by;
  wanted.model = place_.model.id;
  wanted.prices = place_.model.prices;
  wanted.prompt_tokens = estimated().prompt_tokens;
  self->request(place_.parent, caf::infinite, std::move(wanted))
      .then(
          [this, then = std::move(then)](const spend_granted& granted) {
            if (granted.is_metered) meter_ = counter_->meter(rule_.vocabulary);
            then();
          },
          [this](const error& cause) { break_off(cause); });
}

// A fallback that can't be used is none.
void call_state::find_fallback(const std::shared_ptr<complete>& call, const reply_params& asked) {
  auto wanted = place_.model.fallback_model_id;
  if (!wanted || *wanted == place_.model.id) return send_to_provider(std::move(*call));
  self->request(place_.parent, caf::infinite, find_model{*wanted})
      .then(
          [this, call, asked](const model_config& model) {
            fallback_ = model;
            call->fallback = fallback_model{model, merge(asked, model.params)};
            send_to_provider(std::move(*call));
          },
          [this, call](const error&) { send_to_provider(std::move(*call)); });
}

void call_state::send_to_provider(complete&& call) {
  if (call_ == call.call) self->send(provider_, std::move(call));
}

void call_state::on(const reply_delta& delta) {
  if (delta.call != call_ || call_ == 0) return;
  if (!first_token_) first_token_ = self->clock().now();
  if (delta.source) source_ = delta.source;
  for (const auto& added : delta.deltas) {
    estimate_.take_reply(added);
    if (meter_) meter_->append(added.text);
    pending_bytes_ += static_cast<int64_t>(added.text.size());
    if (pending_.empty() || pending_.back().type != added.type)
      pending_.push_back(added);
    else
      pending_.back().text += added.text;
  }
  report_tokens();
  serve();
  pace();
}

void call_state::report_tokens() {
  if (!meter_ || call_ == 0) return;
  auto now = self->clock().now();
  auto tokens = content_tokens(rule_, sum_of(meter_->measure()));
  if (tokens < report_at_ && now - reported_ < spend_told_each) return;
  reported_ = now;
  report_at_ = std::numeric_limits<int64_t>::max();  // until USER has answered
  self->send(place_.parent, tokens_streamed{reply_, tokens});
}

// What came is an answer that ends early, as with the most tokens that were wished for.
void call_state::on(const spend_ruled& ruling) {
  if (call_ == 0 || ruling.reply != reply_) return;
  if (!ruling.is_over) {
    report_at_ = ruling.report_at;
    return report_tokens();
  }
  if (!estimate_.has_reply())
    return break_off(
        make_error(errc::quota_exceeded, "quota_tokens", "The quota of tokens is used up."));
  self->send(provider_, cancel_call{std::exchange(call_, 0)});
  auto used = estimated();
  report(used);
  end_ = call_end{finish_reason::length, used, {}};
  serve();
}

const model_config& call_state::priced_model() const {
  auto is_fallback = fallback_ && source_ && source_->model_id == fallback_->id;
  return is_fallback ? *fallback_ : place_.model;
}

void call_state::on(const reply_finished& finished) {
  if (finished.call != call_ || call_ == 0) return;
  call_ = 0;
  auto used = finished.used;
  if (!used) used = estimated();
  report(used);
  end_ = call_end{finished.reason, *used, finished.calls};
  serve();
}

void call_state::on(const reply_failed& failed) {
  if (failed.call != call_ || call_ == 0) return;
  call_ = 0;
  break_off(failed.cause);
}

void call_state::on(const reply_tick&) {
  if (!is_begun_) on(leave_call{});
}

void call_state::on(const grant_call& grant) {
  credit_ += grant.bytes;
  serve();
  pace();
}

// What a slow reader has no room for yet is not taken from the provider either.
void call_state::pace() {
  if (call_ == 0 || is_whole_) return;
  auto unread_max = is_paused_ ? unread_bytes_max / 2 : unread_bytes_max;
  if (is_paused_ == (pending_bytes_ > unread_max)) return;
  is_paused_ = !is_paused_;
  self->send(provider_, pause_call{call_, is_paused_});
}

void call_state::on(const leave_call&) {
  is_left_ = true;
  break_off(make_error(errc::unavailable));
}

void call_state::on(const end_streams& end) {
  if (end.login.is_none() || end.login == place_.login)
    break_off(make_error(errc::unauthenticated, "token_revoked", "This login has ended."));
}

// At most as much as the reader has room for; what is whole waits for its end.
void call_state::serve() {
  if (!end_ && (is_whole_ || credit_ <= 0 || pending_.empty())) return;
  call_slice next;
  next.stream = place_.stream;
  next.deltas =
      take_pending(is_whole_ ? std::numeric_limits<int64_t>::max() : std::max<int64_t>(credit_, 0));
  for (const auto& sent : next.deltas) {
    credit_ -= static_cast<int64_t>(sent.text.size());
    pending_bytes_ -= static_cast<int64_t>(sent.text.size());
  }
  auto is_last = end_ && pending_.empty();
  if (is_last) next.end = std::move(end_);
  if (next.deltas.empty() && !is_last) return;
  self->send(place_.reader, std::move(next));
  if (is_last) quit();
}

std::vector<text_delta> call_state::take_pending(int64_t bytes_max) {
  std::vector<text_delta> taken;
  size_t whole = 0;
  for (auto& delta : pending_) {
    auto bytes = static_cast<int64_t>(delta.text.size());
    if (bytes > bytes_max) {
      auto piece = cut_utf8(delta.text, static_cast<size_t>(bytes_max));
      if (piece.empty()) break;
      taken.push_back({delta.type, std::string{piece}});
      delta.text.erase(0, taken.back().text.size());
      break;
    }
    bytes_max -= bytes;
    taken.push_back(std::move(delta));
    ++whole;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(whole));
  return taken;
}

// What has come and is not sent is dropped: the reader is told of a fault as soon as it is known.
void call_state::break_off(const error& cause) {
  if (call_ != 0) self->send(provider_, cancel_call{std::exchange(call_, 0)});
  std::optional<usage> used;
  if (estimate_.has_reply()) used = estimated();
  report(used, cause);
  asker_.fail(cause);
  if (is_left_) return quit();
  call_slice last;
  last.stream = place_.stream;
  last.fault = cause;
  self->send(place_.reader, std::move(last));
  quit();
}

// One line for each call, as SESSION writes one for each reply.
void call_state::log_end(const usage& used, const error& cause) const {
  auto by = source_.value_or(reply_source{{}, place_.model.name, "", 1});
  auto reason = detail_of(cause).reason;
  if (cause && reason.empty()) reason = to_string(code_of(cause));
  auto now = self->clock().now();
  auto begun = is_begun_ ? started_ : now;
  std::vector<log_field> fields{{"user", place_.owner},
                                {"login", place_.login},
                                {"model", by.model_name},
                                {"channel", by.channel},
                                {"first_byte", first_token_.value_or(now) - begun},
                                {"took", now - begun},
                                {"prompt_tokens", used.prompt_tokens},
                                {"completion_tokens", used.completion_tokens}};
  if (is_left_) reason = "client_gone";
  if (!reason.empty()) fields.emplace_back("reason", reason);
  log_with("call.ended", fields);
}

void call_state::report(std::optional<usage> used, const error& cause) {
  if (std::exchange(is_reported_, true)) return;
  log_end(used.value_or(usage{}), cause);
  call_ended told{place_.login, place_.model.id, place_.model.name, used, reply_, {}};
  if (used) told.spent = priced_entry(priced_model(), *used);
  self->send(place_.parent, std::move(told));
}

void call_state::quit() {
  // What is left at USER and PROVIDER of a monitor outlives this actor otherwise.
  self->demonitor(place_.parent.address());
  if (provider_) self->demonitor(provider_.address());
  self->quit();
}

caf::result<embedded> call_state::on(start_embedding&& asked) {
  if (is_begun_) return make_error(errc::conflict);
  auto promise = self->make_response_promise<embedded>();
  watch(asked.provider);
  asker_ = answer<embedded>{promise};
  texts_ = std::move(asked.texts);
  dimensions_ = asked.dimensions;
  estimate_.take_prompt(texts_);
  reserve([this] { embed_more(); });
  return promise;
}

// Piece by piece, in the texts' order.
void call_state::embed_more() {
  auto begin = vectors_.vectors.size();
  auto count = std::min(embedded_texts_max, texts_.size() - begin);
  embed next{place_.owner, place_.model, {}, dimensions_};
  for (size_t i = 0; i < count; ++i) next.texts.push_back(std::move(texts_[begin + i]));
  self->request(provider_, caf::infinite, std::move(next))
      .then(
          [this](embedded& more) {
            if (!asker_.is_open()) return;
            for (auto& vector : more.vectors) vectors_.vectors.push_back(std::move(vector));
            vectors_.prompt_tokens += more.prompt_tokens;
            vectors_.source = more.source;
            if (vectors_.vectors.size() < texts_.size()) return embed_more();
            usage used;
            used.prompt_tokens = vectors_.prompt_tokens;
            if (used.prompt_tokens == 0) used = estimated();
            report(used);
            asker_.deliver(std::move(vectors_));
            quit();
          },
          [this](const error& cause) { break_off(cause); });
}

call_actor::behavior_type run_call(call_state::pointer self,
                                   const std::shared_ptr<call_place>& place,
                                   const token_counter* counter) {
  self->state.begin(std::move(*place), *counter);
  return handle_table<call_actor>(self);
}

}  // namespace

call_actor spawn_call(caf::actor_system& system, call_place place, const token_counter& counter) {
  // Shared because CAF copies what it hands to an actor's function.
  return spawn_floating(system, run_call, std::make_shared<call_place>(std::move(place)), &counter);
}

}  // namespace parley
