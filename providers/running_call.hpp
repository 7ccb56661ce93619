/// A call of PROVIDER: what is asked, of whom, and how far it is. Lives on PROVIDER's loop.
#pragma once

#include "actors/provider.hpp"
#include "base/boxed.hpp"
#include "providers/channel_board.hpp"
#include "providers/dialect.hpp"
#include "providers/key_mask.hpp"
#include "providers/upstream.hpp"

namespace parley::providers {

/// What is asked, of whom, and how far it is: a reply or embeddings.
struct running_call {
  running_call(std::function<void()> on_retry, std::function<void()> on_tick)
      : retry(std::move(on_retry)), tick(std::move(on_tick)) {}

  bool is_embedding() const { return asker.is_open(); }
  bool is_listing() const { return lister.is_open(); }
  bool is_trial() const { return trier.is_open(); }
  /// Its answer is of use only as a whole.
  bool is_read_whole() const { return is_embedding() || is_listing(); }
  bool has_choice() const { return ways.size() > 1; }
  const call_way& taken() const { return ways[way]; }
  /// Of the way taken; its base URL and key are the way's.
  const model_config& model() const { return taken().is_fallback ? fallback->model : asked; }
  bool is_accepted() const { return head.status >= 200 && head.status <= 299; }
  /// All calls tick at the same tenths of the length: STORAGE is woken for the checkpoints of many
  /// replies at a time, not for each.
  void arm_tick(io_loop& loop, std::chrono::milliseconds length) {
    using std::chrono::milliseconds;
    auto now = std::chrono::duration_cast<milliseconds>(loop.now().time_since_epoch());
    tick.arm(loop, length - now % std::max(length / 10, milliseconds{1}));
  }

  call_id id = 0;
  reply_sink_actor sink;           // of a reply
  answer<embedded> asker;          // of embeddings
  answer<offer_list> lister;       // of the list of models
  answer<model_trial> trier;       // of a first token alone
  std::vector<std::string> texts;  // that are embedded
  int32_t dimensions = 0;
  model_config asked;
  boxed<fallback_model> fallback;
  std::vector<prompt_message> messages;  // until a request is built that all ways share
  reply_params params;
  boxed<call_wishes> wishes;  // until a reply begins, as the body
  std::vector<call_way> ways;
  size_t way = 0;
  int32_t attempts = 0;
  error own_fault;                          // of the model's own ways
  std::shared_ptr<const std::string> body;  // until a reply begins: it may have to be sent again
  bool is_body_of_fallback = false;
  const dialect* speaks = nullptr;
  key_mask mask;            // of the key that this way was called with
  upstream_call_id at = 0;  // 0: waiting for the next attempt
  health_time started_at;   // of this attempt
  bool is_heard = false;    // something was told to the sink: nothing may be sent again
  response_head head;
  std::unique_ptr<reply_parser> parser;  // of a reply's 2xx response
  std::string answered;                  // the body of any other response
  unsigned retries_left = 0;
  io_timer retry;
  io_timer tick;
};

}  // namespace parley::providers
