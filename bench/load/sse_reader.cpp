#include "bench/load/sse_reader.hpp"

namespace parley::bench {

bool sse_reader::take_line() {
  if (line_.ends_with('\r')) line_.pop_back();
  if (line_.empty()) {
    if (!has_data_) forget_event();
    return has_data_;
  }
  const std::string_view line = line_;
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  } else if (field == "event") {
    name_ = value;
  } else if (field == "id") {
    id_ = value;
  }
  line_.clear();
  return false;
}

void sse_reader::forget_event() {
  name_.clear();
  data_.clear();
  id_.clear();
  has_data_ = false;
}

}  // namespace parley::bench
