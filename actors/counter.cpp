#include "actors/counter.hpp"

namespace parley {

calibration_key calibration_key_of(const model_config& model) {
  std::string_view url = model.base_url;
  auto scheme = url.find("://");
  auto host = scheme == url.npos ? 0 : scheme + 3;
  auto origin = url.substr(0, url.find_first_of("/?#", host));
  return {model.provider + " " + std::string{origin}, model.model};
}

}  // namespace parley
