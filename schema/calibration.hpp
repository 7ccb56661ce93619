/// What is known of closed tokenizers, as it is stored.
#pragma once

#include "base/clock.hpp"
#include "base/record.hpp"

namespace parley {

/// A token_calibration (chat/token_rule) of one upstream and the model's id there.
struct stored_calibration {
  std::string provider;
  std::string model;
  int64_t samples = 0;
  std::vector<double> weights;
  std::vector<double> covariance;
  double error_square = 0;
  double shortfall = 0;
  instant updated_at;
};
PARLEY_RECORD(stored_calibration, FIELD(provider, "provider"), FIELD(model, "model"),
              FIELD(samples, "samples"), FIELD(weights, "weights"), FIELD(covariance, "covariance"),
              FIELD(error_square, "errorSquare"), FIELD(shortfall, "shortfall"),
              FIELD(updated_at, "updatedAt"))

}  // namespace parley
