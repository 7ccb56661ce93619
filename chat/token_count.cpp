#include "chat/token_count.hpp"

#include <algorithm>
#include <array>

#include "chat/bpe.hpp"
#include "chat/bpe_cache.hpp"
#include "chat/bpe_growing.hpp"
#include "chat/bpe_tables.hpp"

namespace parley {

namespace {

// Without a vocabulary: English and code have about four bytes a token, other scripts about three.
constexpr int64_t ascii_bytes_per_token = 4;
constexpr int64_t other_bytes_per_token = 3;

int64_t estimate(int64_t ascii_bytes, int64_t other_bytes) {
  return (ascii_bytes + ascii_bytes_per_token - 1) / ascii_bytes_per_token +
         (other_bytes + other_bytes_per_token - 1) / other_bytes_per_token;
}

struct byte_kinds {
  int64_t ascii = 0, other = 0, wide = 0, symbols = 0;
};

// What a byte adds to four counts, side by side in one number, of 16 bits each.
constexpr auto steps_of_bytes = [] {
  constexpr uint64_t ascii = 1;
  constexpr uint64_t wide = uint64_t{1} << 16;
  constexpr uint64_t symbol = uint64_t{1} << 32;
  std::array<uint64_t, 256> steps{};
  for (size_t c = 0; c < steps.size(); ++c) {
    auto is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    auto is_blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (c < 0x80) steps[c] = is_letter || is_blank ? ascii : ascii + symbol;
    if (c >= 0xc0) steps[c] = wide;
  }
  return steps;
}();

byte_kinds kinds_of(std::string_view text) {
  constexpr size_t piece_max = UINT16_MAX;
  byte_kinds kinds;
  for (auto rest = text; !rest.empty(); rest.remove_prefix(std::min(rest.size(), piece_max))) {
    uint64_t sums = 0;
    for (unsigned char c : rest.substr(0, piece_max)) sums += steps_of_bytes[c];
    kinds.ascii += static_cast<int64_t>(sums & UINT16_MAX);
    kinds.wide += static_cast<int64_t>(sums >> 16 & UINT16_MAX);
    kinds.symbols += static_cast<int64_t>(sums >> 32 & UINT16_MAX);
  }
  kinds.other = static_cast<int64_t>(text.size()) - kinds.ascii;
  return kinds;
}

int32_t bounded(int64_t number) {
  return static_cast<int32_t>(std::min<int64_t>(number, INT32_MAX));
}

void set_count(content_measure& to, token_vocabulary vocabulary, int64_t tokens) {
  switch (vocabulary) {
    case token_vocabulary::cl100k_base:
      to.cl100k = bounded(tokens);
      break;
    case token_vocabulary::o200k_base:
      to.o200k = bounded(tokens);
      break;
    case token_vocabulary::bytes:
      to.guessed = bounded(tokens);
  }
}

constexpr std::array exact_vocabularies{token_vocabulary::cl100k_base,
                                        token_vocabulary::o200k_base};

bool is_sent_text(const part& p) {
  return (p.type == part_type::text || p.type == part_type::refusal) && p.text;
}

}  // namespace

// -- token_meter --------------------------------------------------------------------------------

token_meter::token_meter(const token_counter& counter, token_vocabulary served)
    : counter_{&counter}, served_{served} {}
token_meter::token_meter(token_meter&&) noexcept = default;
token_meter& token_meter::operator=(token_meter&&) noexcept = default;
token_meter::~token_meter() = default;

std::unique_ptr<bpe_growing>& token_meter::growing(token_vocabulary vocabulary) {
  return vocabulary == token_vocabulary::cl100k_base ? cl100k_ : o200k_;
}

void token_meter::append(std::string_view text) {
  auto kinds = kinds_of(text);
  ascii_bytes_ += kinds.ascii;
  other_bytes_ += kinds.other;
  wide_ += kinds.wide;
  symbols_ += kinds.symbols;
  for (auto each : exact_vocabularies) {
    auto& count = growing(each);
    if (auto exact = counter_->engine(each); exact && !count)
      count = std::make_unique<bpe_growing>(*exact);
    if (count) count->append(text);
  }
}

token_count token_meter::count() {
  if (!counter_->has(served_))
    return {.tokens = static_cast<uint64_t>(estimate(ascii_bytes_, other_bytes_)),
            .vocabulary = token_vocabulary::bytes,
            .is_estimated = true};
  auto& exact = growing(served_);
  return {.tokens = exact ? exact->count() : 0, .vocabulary = served_, .is_estimated = false};
}

content_measure token_meter::measure() {
  content_measure measure;
  measure.wide = bounded(wide_);
  measure.symbols = bounded(symbols_);
  if (auto guess = count(); guess.is_estimated)
    set_count(measure, guess.vocabulary, static_cast<int64_t>(guess.tokens));
  for (auto each : exact_vocabularies)
    if (counter_->has(each)) {
      auto& exact = growing(each);
      set_count(measure, each, exact ? static_cast<int64_t>(exact->count()) : 0);
    }
  return measure;
}

// -- token_counter ------------------------------------------------------------------------------

token_counter::token_counter() = default;
token_counter::token_counter(token_counter&&) noexcept = default;
token_counter& token_counter::operator=(token_counter&&) noexcept = default;
token_counter::~token_counter() = default;

token_counter::token_counter(const std::string& folder) {
  auto open = [&](token_vocabulary vocabulary) -> std::unique_ptr<const bpe> {
    auto tables = bpe_tables::open(folder + "/" + std::string{to_string(vocabulary)} + ".bpe");
    if (tables) return std::make_unique<const bpe>(std::move(*tables));
    faults_.push_back(std::move(tables.error()));
    return nullptr;
  };
  cl100k_ = open(token_vocabulary::cl100k_base);
  o200k_ = open(token_vocabulary::o200k_base);
}

const bpe* token_counter::engine(token_vocabulary vocabulary) const {
  if (vocabulary == token_vocabulary::cl100k_base) return cl100k_.get();
  return vocabulary == token_vocabulary::o200k_base ? o200k_.get() : nullptr;
}

bool token_counter::has(token_vocabulary vocabulary) const {
  return engine(vocabulary) != nullptr;
}

token_count token_counter::count_content(token_vocabulary vocabulary, std::string_view text) const {
  if (auto exact = engine(vocabulary))
    return {.tokens = exact->count(text), .vocabulary = vocabulary, .is_estimated = false};
  auto kinds = kinds_of(text);
  return {.tokens = static_cast<uint64_t>(estimate(kinds.ascii, kinds.other)),
          .vocabulary = token_vocabulary::bytes,
          .is_estimated = true};
}

content_measure token_counter::measure(token_vocabulary vocabulary, std::string_view text) const {
  auto kinds = kinds_of(text);
  content_measure measure;
  measure.wide = bounded(kinds.wide);
  measure.symbols = bounded(kinds.symbols);
  auto counted = count_content(vocabulary, text);
  set_count(measure, counted.vocabulary, static_cast<int64_t>(counted.tokens));
  // In the other vocabulary as well: estimates stand on both, and another model needs no recount.
  auto other = vocabulary == token_vocabulary::cl100k_base ? token_vocabulary::o200k_base
                                                           : token_vocabulary::cl100k_base;
  if (auto exact = engine(other))
    set_count(measure, other, static_cast<int64_t>(exact->count(text)));
  return measure;
}

content_measure token_counter::measure(token_vocabulary vocabulary,
                                       const std::vector<part>& parts) const {
  auto is_text = [](const part& p) { return is_sent_text(p); };
  auto first = std::find_if(parts.begin(), parts.end(), is_text);
  auto is_one = first != parts.end() && std::count_if(parts.begin(), parts.end(), is_text) == 1;
  auto measured =
      is_one ? measure(vocabulary, *first->text) : measure(vocabulary, sent_text_of(parts));
  for (const auto& p : parts)
    if (p.type == part_type::image && p.url) add_image(measured, *p.url);
  return measured;
}

token_meter token_counter::meter(token_vocabulary vocabulary) const {
  return {*this, vocabulary};
}

void token_counter::release_memory() const {
  for (const auto* each : {cl100k_.get(), o200k_.get()})
    if (each) each->tables().release_pages();
  release_bpe_caches();
}

std::string sent_text_of(const std::vector<part>& parts) {
  std::string text;
  for (const auto& p : parts)
    if (is_sent_text(p)) text += *p.text;
  return text;
}

size_t measured_bytes_of(const std::vector<part>& parts) {
  constexpr size_t looked_at_bytes = size_t{256} << 10;  // of an image
  size_t bytes = 0;
  for (const auto& p : parts) {
    if (p.text) bytes += p.text->size();
    // Decoding an image's head is a hundred times cheaper than counting text.
    if (p.url) bytes += std::min(p.url->size(), looked_at_bytes) / 100;
  }
  return bytes;
}

int64_t name_tokens(const token_counter& counter, const token_rule& rule, std::string_view name) {
  if (name.empty()) return 0;
  return 1 + static_cast<int64_t>(counter.count_content(rule.vocabulary, name).tokens);
}

}  // namespace parley
