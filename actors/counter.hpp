/// Counting away from every I/O thread, and what is known of closed tokenizers.
#pragma once

#include "actors/protocol.hpp"
#include "chat/token_rule.hpp"
#include "schema/message.hpp"
#include "schema/model.hpp"

namespace parley {

/// The parts of some messages, to be measured in one vocabulary; with them the tools of a request.
struct measure_parts {
  token_vocabulary vocabulary = token_vocabulary::o200k_base;
  std::vector<std::vector<part>> messages;
  std::string tools;  ///< a JSON array, or empty
};
PARLEY_INSPECT(measure_parts, vocabulary, messages, tools)

struct measured_parts {
  std::vector<content_measure> measures;  ///< in the order asked
  int64_t tool_tokens = 0;
};
PARLEY_INSPECT(measured_parts, measures, tool_tokens)

/// What a calibration is of: an upstream ("openai https://host:port") and the model's id there. A
/// model config that names another id begins anew by itself.
struct calibration_key {
  std::string provider;
  std::string model;

  friend bool operator==(const calibration_key&, const calibration_key&) = default;
};
PARLEY_INSPECT(calibration_key, provider, model)

/// `provider` is the dialect and the origin of the base URL: who answers decides how it counts, and
/// a user's own upstream must not teach what another one's does.
calibration_key calibration_key_of(const model_config& model);

struct find_calibration {
  calibration_key key;
};
PARLEY_INSPECT(find_calibration, key)

/// An answer's usage, and the measure of what was sent.
struct learn_tokens {
  calibration_key key;
  measure_sum sent;
  int64_t prompt_tokens = 0;
};
PARLEY_INSPECT(learn_tokens, key, sent, prompt_tokens)

/// COUNTER to itself: what was learnt goes to STORAGE.
struct store_calibrations {};
PARLEY_INSPECT(store_calibrations)

/// The detached worker that counts.
using count_worker_actor = caf::typed_actor<ask<measure_parts, measured_parts>>;

/// The COUNTER actor: texts too long for an I/O thread go to its worker; owns the calibrations of
/// all models. One a node, floats, never sleeps. Beyond count_queue_max waiting texts: unavailable.
using counter_actor = caf::typed_actor<
    // message              answer              what it does
    ask<measure_parts, measured_parts>,        // the worker counts
    ask<find_calibration, token_calibration>,  // the prior, if nothing is known
    tell<learn_tokens>,                        // from SESSION: an answer's usage
    tell<store_calibrations>>;                 // from itself

}  // namespace parley
