#include "bench/load/token_stamp.hpp"

#include <cstdio>

#include "bench/load/event_loop.hpp"

namespace parley::bench {

void append_stamped_token(std::string& out, uint64_t sequence, uint32_t bytes) {
  char stamp[48];
  const auto length =
      std::snprintf(stamp, sizeof stamp, " %llu:%lld.", static_cast<unsigned long long>(sequence),
                    static_cast<long long>(monotonic_ns()));
  const auto used = static_cast<uint32_t>(length);
  out.append(stamp, used);
  if (used < bytes) out.append(bytes - used, '.');
}

void stamp_reader::begin_token() {
  state_ = state::sequence;
  token_bytes_ = 1;
  sequence_ = 0;
  stamp_ns_ = 0;
}

void stamp_reader::end_token() {
  if (state_ == state::outside) return;
  if (size_ == 0) size_ = token_bytes_;
  if (state_ != state::filling || token_bytes_ != size_) ++findings_.malformed;
}

void stamp_reader::place_token() {
  if (sequence_ == next_) {
    ++findings_.tokens;
    ++next_;
    return;
  }
  if (sequence_ > next_) {  // a gap: remember its last 64 numbers, they may still come
    const auto gap = sequence_ - next_;
    findings_.lost += gap;
    skipped_base_ = sequence_ - (gap < 64 ? gap : 64);
    skipped_ = gap < 64 ? (uint64_t{1} << gap) - 1 : ~uint64_t{0};
    ++findings_.tokens;
    next_ = sequence_ + 1;
    return;
  }
  const auto offset = sequence_ - skipped_base_;
  if (sequence_ >= skipped_base_ && offset < 64 && (skipped_ >> offset & 1) != 0) {
    skipped_ &= ~(uint64_t{1} << offset);
    --findings_.lost;
    ++findings_.reordered;
  } else {
    ++findings_.repeated;
  }
}

bool stamp_reader::take(char byte) {
  if (byte == ' ') {
    end_token();
    begin_token();
    return false;
  }
  ++token_bytes_;
  const bool is_digit = byte >= '0' && byte <= '9';
  if (state_ == state::sequence && is_digit) {
    sequence_ = sequence_ * 10 + static_cast<uint64_t>(byte - '0');
  } else if (state_ == state::sequence && byte == ':' && token_bytes_ > 2) {
    state_ = state::stamp;
  } else if (state_ == state::stamp && is_digit) {
    stamp_ns_ = stamp_ns_ * 10 + static_cast<uint64_t>(byte - '0');
  } else if (state_ == state::stamp && byte == '.') {
    state_ = state::filling;
    place_token();
    return true;
  } else if (state_ != state::filling || byte != '.') {
    ++findings_.malformed;
  }
  return false;
}

stamp_findings stamp_reader::finish(uint64_t tokens_expected) {
  end_token();
  state_ = state::outside;
  if (next_ < tokens_expected) findings_.lost += tokens_expected - next_;
  if (next_ > tokens_expected) findings_.malformed += next_ - tokens_expected;
  next_ = tokens_expected;
  return findings_;
}

}  // namespace parley::bench
