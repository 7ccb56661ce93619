#include "chat/bpe.hpp"

#include <algorithm>
#include <array>
#include <atomic>

#include "base/text.hpp"
#include "chat/bpe_cache.hpp"
#include "chat/bpe_merger.hpp"
#include "chat/bpe_piece_counter.hpp"
#include "chat/bpe_scanner.hpp"

namespace parley {

namespace {

// Enough that scanning and counting each run undisturbed, few enough to stay in L1.
constexpr size_t batch_pieces = 64;

using piece_ends = std::array<const char*, batch_pieces>;

// The text itself, or its repaired copy.
class valid_text {
 public:
  explicit valid_text(std::string_view text) : view_{text} {
    if (is_utf8(text)) return;
    repaired_ = repair_utf8(text);
    view_ = repaired_;
  }
  std::string_view view() const { return view_; }

 private:
  std::string repaired_;
  std::string_view view_;
};

uint64_t next_serial() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

bpe::bpe(bpe_tables tables) : tables_{std::move(tables)}, serial_{next_serial()} {}

bpe_cache_use bpe::cache() const {
  return {tables_, serial_};
}

uint64_t bpe::count(std::string_view text) const {
  return *count_up_to(text, UINT64_MAX);
}

std::optional<uint64_t> bpe::count_up_to(std::string_view text, uint64_t limit) const {
  valid_text valid{text};
  bpe_scanner scanner{tables_, valid.view()};
  auto memory = cache();
  bpe_piece_counter pieces{tables_, *memory};
  piece_ends ends;
  uint64_t total = 0;
  for (;;) {
    auto begin = scanner.position();
    auto found = scanner.next(ends);
    if (found == 0) return total;
    for (size_t i = 0; i < found; ++i) {
      total += pieces.count(begin, ends[i], scanner.end());
      begin = ends[i];
    }
    if (total > limit) return std::nullopt;
  }
}

// Text that follows may change how the last two pieces split. One is not enough: "x" and " " become
// " y" and so on; over all cuts of millions of texts two always were.
bpe::growing_count bpe::count_growing(std::string_view text) const {
  bpe_scanner scanner{tables_, text};
  auto memory = cache();
  bpe_piece_counter pieces{tables_, *memory};
  piece_ends ends;
  growing_count result{0, 0, 0};
  growing_count last{0, 0, 0};  // as of the start of the last piece
  for (;;) {
    auto begin = scanner.position();
    auto found = scanner.next(ends);
    if (found == 0) return result;
    for (size_t i = 0; i < found; ++i) {
      result.settled_bytes = last.settled_bytes;
      result.settled_tokens = last.settled_tokens;
      last.settled_bytes = static_cast<size_t>(begin - text.data());
      last.settled_tokens = result.tokens;
      result.tokens += pieces.count(begin, ends[i], scanner.end());
      begin = ends[i];
    }
  }
}

std::vector<uint32_t> bpe::encode(std::string_view text) const {
  valid_text valid{text};
  bpe_scanner scanner{tables_, valid.view()};
  piece_ends ends;
  auto memory = cache();
  std::vector<uint32_t> ids;
  for (;;) {
    auto begin = scanner.position();
    auto found = scanner.next(ends);
    if (found == 0) return ids;
    for (size_t i = 0; i < found; ++i) {
      bpe_merger merger{tables_, *memory, {begin, static_cast<size_t>(ends[i] - begin)}};
      ids.insert(ids.end(), merger.tokens().begin(), merger.tokens().end());
      begin = ends[i];
    }
  }
}

}  // namespace parley
