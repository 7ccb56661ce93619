#include "providers/key_mask.hpp"

#include <algorithm>

#include "base/crypto.hpp"

namespace parley::providers {

namespace {

bool is_key_character(char c) {
  return c >= 0x21 && c <= 0x7e;
}

}  // namespace

key_mask::key_mask(const secret_text& key) {
  if (key.size() < length_min) return;
  head_ = key.reveal().substr(0, head_length);
  digest_ = sha256(key.reveal());
  length_ = key.size();
}

void key_mask::apply(std::vector<text_delta>& deltas) {
  if (length_ == 0) return;
  std::vector<text_delta> passed;
  for (auto& delta : deltas) {
    // A key does not go on in text of another type.
    if (delta.type != type_) release(passed);
    type_ = delta.type;
    if (open_.empty() && next_start(delta.text, 0) == std::string::npos) {
      passed.push_back(std::move(delta));
      continue;
    }
    auto text = read(delta.text);
    if (!text.empty()) passed.push_back({delta.type, std::move(text)});
  }
  deltas = std::move(passed);
}

void key_mask::release(std::vector<text_delta>& deltas) {
  auto held = std::exchange(open_, {}).substr(std::exchange(shown_, 0));
  if (held.empty()) return;
  if (!deltas.empty() && deltas.back().type == type_)
    deltas.back().text += held;
  else
    deltas.push_back({type_, std::move(held)});
}

std::string key_mask::masked(std::string_view text) const {
  auto fresh = *this;
  fresh.open_.clear();
  fresh.shown_ = 0;
  std::vector<text_delta> deltas{{part_type::text, std::string{text}}};
  fresh.type_ = part_type::text;
  fresh.apply(deltas);
  fresh.release(deltas);
  return deltas.empty() ? std::string{} : std::move(deltas.front().text);
}

/// What may be passed on of the open text with `text` behind it. The rest stays open.
std::string key_mask::read(std::string_view text) {
  auto all = std::exchange(open_, {}) + std::string{text};
  auto passed = std::exchange(shown_, 0);  // up to here it is done with
  std::string out;
  auto pass_until = [&](size_t end) {
    if (end > passed) out.append(all, passed, end - passed);
    passed = std::max(passed, end);
  };
  auto at = next_start(all, 0);
  while (at != all.npos) {
    auto rest = std::string_view{all}.substr(at);
    // The head tells nothing, and many words begin alike: it is not held back.
    if (rest.size() < head_.size()) pass_until(all.size());
    auto run = std::find_if_not(rest.begin(), rest.begin() + std::min(rest.size(), length_),
                                is_key_character);
    auto length = static_cast<size_t>(run - rest.begin());
    if (length == rest.size() && length < length_) {
      pass_until(at);
      shown_ = passed - at;
      open_ = std::string{rest};
      return out;
    }
    if (length == length_ && is_key(rest.substr(0, length_))) {
      pass_until(at);
      out += mask;
      passed = at + length_;
      at = next_start(all, passed);
    } else {
      at = next_start(all, at + 1);
    }
  }
  pass_until(all.size());
  return out;
}

/// Where the head stands, or a beginning of it at the end of the text.
size_t key_mask::next_start(std::string_view text, size_t from) const {
  for (auto at = text.find(head_.front(), from); at != text.npos;
       at = text.find(head_.front(), at + 1)) {
    auto there = text.substr(at, head_.size());
    if (there == std::string_view{head_}.substr(0, there.size())) return at;
  }
  return text.npos;
}

bool key_mask::is_key(std::string_view candidate) {
  if (tries_left_ == 0) return false;
  --tries_left_;
  return sha256(candidate) == digest_;
}

}  // namespace parley::providers
