#include "chat/token_count.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "chat/bpe.hpp"
#include "chat/bpe_growing.hpp"
#include "chat/bpe_tables.hpp"

namespace parley {

namespace {

// Without a vocabulary: English and code have about four bytes a token, other scripts about three.
constexpr uint64_t ascii_bytes_per_token = 4;
constexpr uint64_t other_bytes_per_token = 3;
constexpr double byte_estimate_guard = 0.5;

uint64_t estimate(uint64_t ascii_bytes, uint64_t other_bytes) {
  return (ascii_bytes + ascii_bytes_per_token - 1) / ascii_bytes_per_token +
         (other_bytes + other_bytes_per_token - 1) / other_bytes_per_token;
}

uint64_t count_ascii(std::string_view text) {
  return static_cast<uint64_t>(std::ranges::count_if(text, [](char c) { return (c & 0x80) == 0; }));
}

uint64_t estimate(std::string_view text) {
  auto ascii = count_ascii(text);
  return estimate(ascii, text.size() - ascii);
}

struct model_row {
  std::string_view name;
  bool is_prefix;
  token_vocabulary vocabulary;
};

// tiktoken's model.py; exact names stand before the prefixes, "gpt-4o" before "gpt-4-".
constexpr auto cl100k = token_vocabulary::cl100k_base;
constexpr auto o200k = token_vocabulary::o200k_base;
constexpr model_row model_rows[] = {
    {"o1", false, o200k},
    {"o3", false, o200k},
    {"o4-mini", false, o200k},
    {"gpt-5", false, o200k},
    {"gpt-4.1", false, o200k},
    {"gpt-4o", false, o200k},
    {"gpt-4", false, cl100k},
    {"gpt-3.5-turbo", false, cl100k},
    {"gpt-3.5", false, cl100k},
    {"gpt-35-turbo", false, cl100k},
    {"o1-", true, o200k},
    {"o3-", true, o200k},
    {"o4-mini-", true, o200k},
    {"gpt-5", true, o200k},
    {"gpt-4.5-", true, o200k},
    {"gpt-4.1-", true, o200k},
    {"gpt-4o-", true, o200k},
    {"chatgpt-4o-", true, o200k},
    {"gpt-oss-", true, o200k},
    {"gpt-4-", true, cl100k},
    {"gpt-3.5-", true, cl100k},
    {"gpt-35-turbo", true, cl100k},
    {"text-embedding-ada-002", false, cl100k},
    {"text-embedding-3-", true, cl100k},
};

// "openai/gpt-4o" and "azure/gpt-4o" are gpt-4o; "ft:gpt-4o:org::id" is a fine-tune of it.
std::string_view bare_name(std::string_view model) {
  if (auto slash = model.rfind('/'); slash != model.npos) model.remove_prefix(slash + 1);
  if (model.starts_with("ft:")) {
    model.remove_prefix(3);
    model = model.substr(0, model.find(':'));
  }
  return model;
}

// The most content tokens that cost at most `tokens_max`. Saturates far above any text.
uint64_t content_tokens_within(const token_rule& rule, uint64_t tokens_max) {
  constexpr uint64_t saturated = uint64_t{1} << 48;
  auto content = static_cast<uint64_t>(static_cast<double>(std::min(tokens_max, saturated)) /
                                       std::max(rule.factor, 0.001));
  while (content > 0 && apply(rule, content, 0) > tokens_max) --content;
  return content;
}

}  // namespace

std::string_view to_string(token_vocabulary vocabulary) {
  constexpr std::string_view names[] = {"bytes", "cl100k_base", "o200k_base"};
  return names[static_cast<size_t>(vocabulary)];
}

std::optional<token_vocabulary> vocabulary_of(std::string_view model) {
  auto name = bare_name(model);
  for (auto& row : model_rows) {
    if (row.is_prefix ? name.starts_with(row.name) : name == row.name) return row.vocabulary;
  }
  return std::nullopt;
}

token_rule token_rule_of(std::string_view model, const token_calibration& calibration) {
  if (auto vocabulary = vocabulary_of(model)) {
    return {.vocabulary = *vocabulary,
            .is_estimated = false,
            .factor = 1.0,
            .per_message = 3.0,
            .guard = 0.0};
  }
  return {.vocabulary = o200k,
          .is_estimated = true,
          .factor = calibration.factor,
          .per_message = calibration.per_message,
          .guard = guard_of(calibration)};
}

uint64_t apply(const token_rule& rule, uint64_t content_tokens, uint64_t messages) {
  auto tokens = rule.factor * static_cast<double>(content_tokens) +
                rule.per_message * static_cast<double>(messages);
  return static_cast<uint64_t>(std::ceil(std::max(tokens, 0.0)));
}

// -- token_meter --------------------------------------------------------------------------------

token_meter::token_meter(const token_rule& rule, token_vocabulary served,
                         std::unique_ptr<bpe_growing> exact)
    : rule_{rule}, served_{served}, exact_{std::move(exact)} {}
token_meter::token_meter(token_meter&&) noexcept = default;
token_meter& token_meter::operator=(token_meter&&) noexcept = default;
token_meter::~token_meter() = default;

void token_meter::append(std::string_view text) {
  if (exact_) return exact_->append(text);
  auto ascii = count_ascii(text);
  ascii_bytes_ += ascii;
  other_bytes_ += text.size() - ascii;
}

token_count token_meter::count() {
  auto content = exact_ ? exact_->count() : estimate(ascii_bytes_, other_bytes_);
  return {.tokens = apply(rule_, content, 0),
          .vocabulary = served_,
          .is_estimated = rule_.is_estimated || !exact_};
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
  cl100k_ = open(cl100k);
  o200k_ = open(o200k);
}

const bpe* token_counter::engine(token_vocabulary vocabulary) const {
  if (vocabulary == cl100k) return cl100k_.get();
  return vocabulary == o200k ? o200k_.get() : nullptr;
}

bool token_counter::has(token_vocabulary vocabulary) const {
  return engine(vocabulary) != nullptr;
}

token_rule token_counter::rule_of(std::string_view model,
                                  const token_calibration& calibration) const {
  auto rule = token_rule_of(model, calibration);
  if (has(rule.vocabulary)) return rule;
  rule.is_estimated = true;
  rule.guard = std::max(rule.guard, byte_estimate_guard);
  return rule;
}

token_count token_counter::count_content(token_vocabulary vocabulary, std::string_view text) const {
  if (auto exact = engine(vocabulary))
    return {.tokens = exact->count(text), .vocabulary = vocabulary, .is_estimated = false};
  return {.tokens = estimate(text), .vocabulary = token_vocabulary::bytes, .is_estimated = true};
}

token_count token_counter::count(const token_rule& rule, std::string_view text) const {
  auto result = count_content(rule.vocabulary, text);
  result.tokens = apply(rule, result.tokens, 0);
  result.is_estimated = result.is_estimated || rule.is_estimated;
  return result;
}

token_count token_counter::count(const token_rule& rule, const token_message& message) const {
  auto result = count_content(rule.vocabulary, message.content);
  result.tokens = apply(rule, result.tokens, 1);
  result.is_estimated = result.is_estimated || rule.is_estimated;
  // A closed model's role and name are part of its fitted constant.
  if (rule.is_estimated) return result;
  result.tokens += count_content(rule.vocabulary, message.role).tokens;
  if (!message.name.empty())
    result.tokens += 1 + count_content(rule.vocabulary, message.name).tokens;
  return result;
}

token_count token_counter::count(const token_rule& rule,
                                 std::span<const token_message> messages) const {
  auto result = count(rule, std::string_view{});
  result.tokens += tokens_per_conversation;
  for (auto& message : messages) result.tokens += count(rule, message).tokens;
  return result;
}

token_count token_counter::count(std::string_view model, std::string_view text) const {
  return count(token_rule_of(model), text);
}

bool token_counter::fits(const token_rule& rule, std::string_view text, uint64_t tokens_max) const {
  if (auto exact = engine(rule.vocabulary))
    return exact->count_up_to(text, content_tokens_within(rule, tokens_max)).has_value();
  return apply(rule, estimate(text), 0) <= tokens_max;
}

std::string_view token_counter::cut(const token_rule& rule, std::string_view text,
                                    uint64_t tokens_max) const {
  if (auto exact = engine(rule.vocabulary))
    return text.substr(0, exact->split_at_tokens(text, content_tokens_within(rule, tokens_max)));
  // Three bytes a token is on the safe side of both shares of the estimate.
  if (apply(rule, estimate(text), 0) <= tokens_max) return text;
  auto bytes_max = other_bytes_per_token * content_tokens_within(rule, tokens_max);
  auto result = cut_utf8(text, bytes_max > 0 ? bytes_max - 1 : 0);
  while (apply(rule, estimate(result), 0) > tokens_max)
    result = cut_utf8(result, result.size() - 1);
  return result;
}

token_meter token_counter::meter(const token_rule& rule) const {
  auto exact = engine(rule.vocabulary);
  return {rule, exact ? rule.vocabulary : token_vocabulary::bytes,
          exact ? std::make_unique<bpe_growing>(*exact) : nullptr};
}

}  // namespace parley
