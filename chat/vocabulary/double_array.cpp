#include "chat/vocabulary/double_array.hpp"

#include <algorithm>
#include <map>
#include <queue>

#include "chat/bpe_format.hpp"

namespace parley {

namespace {

constexpr size_t block_units = 256;
// How many free units are tried before a node's children get a new block.
constexpr int attempts_max = 512;

struct node {
  std::map<uint8_t, uint32_t> children;
  uint32_t token_or_0 = 0;
  uint32_t lowest_token = UINT32_MAX;
};

std::vector<node> make_nodes(const std::vector<std::string>& tokens) {
  std::vector<node> nodes(1);
  for (uint32_t id = 0; id < tokens.size(); ++id) {
    uint32_t at = 0;
    for (auto c : tokens[id]) {
      auto next = static_cast<uint32_t>(nodes.size());
      auto [child, is_new] = nodes[at].children.try_emplace(static_cast<uint8_t>(c), next);
      at = child->second;
      if (is_new) nodes.emplace_back();
      nodes[at].lowest_token = std::min(nodes[at].lowest_token, id);
    }
    nodes[at].token_or_0 = id + 1;
  }
  return nodes;
}

class layout {
 public:
  // Unit 0 is the root; the rest of its block stays without labels for the nodes without children.
  layout() : units_(block_units), is_base_taken_(block_units, true) {}

  uint32_t find_base(const node& parent) {
    auto first = parent.children.begin()->first;
    auto last = free_.size();
    for (int attempt = 0; attempt < attempts_max && last > 0; ++attempt) {
      auto base = free_[--last] ^ first;
      if (!is_base_taken_[base] && fits(parent, base)) return base;
    }
    add_block();
    return static_cast<uint32_t>(units_.size() - block_units);
  }

  void place(uint32_t unit, uint64_t value) {
    units_[unit] = value;
    if (auto at = std::ranges::find(free_.rbegin(), free_.rend(), unit); at != free_.rend())
      free_.erase(std::next(at).base());
  }
  void take_base(uint32_t base) { is_base_taken_[base] = true; }
  uint64_t& operator[](uint32_t unit) { return units_[unit]; }
  std::vector<uint64_t> finish() && { return std::move(units_); }

 private:
  bool fits(const node& parent, uint32_t base) const {
    return std::ranges::all_of(parent.children,
                               [&](auto& child) { return units_[base ^ child.first] == 0; });
  }

  // Units that stay free for long leave the list's far end, so that each search stays short.
  void add_block() {
    constexpr size_t free_max = 4'096;
    if (free_.size() > free_max) free_.erase(free_.begin(), free_.end() - free_max);
    auto first = static_cast<uint32_t>(units_.size());
    units_.resize(units_.size() + block_units);
    is_base_taken_.resize(units_.size());
    for (auto unit = first + block_units; unit-- > first;)
      free_.push_back(static_cast<uint32_t>(unit));
  }

  std::vector<uint64_t> units_;
  std::vector<bool> is_base_taken_;
  std::vector<uint32_t> free_;  ///< units without a label; the end is tried first
};

}  // namespace

std::vector<uint64_t> make_double_array(const std::vector<std::string>& tokens) {
  auto nodes = make_nodes(tokens);
  layout result;
  struct placed {
    uint32_t lowest_token, node, unit;
    bool operator<(const placed& other) const {
      return std::pair{lowest_token, node} > std::pair{other.lowest_token, other.node};
    }
  };
  std::priority_queue<placed> waiting;
  waiting.push({0, 0, 0});
  while (!waiting.empty()) {
    auto [lowest, index, unit] = waiting.top();
    waiting.pop();
    auto& parent = nodes[index];
    if (parent.children.empty()) continue;
    auto base = result.find_base(parent);
    result.take_base(base);
    result[unit] |= uint64_t{base} << bpe_format::trie::base_shift;
    for (auto [label, child] : parent.children) {
      auto target = base ^ label;
      result.place(target, bpe_format::trie::pack(label, 0, nodes[child].token_or_0));
      waiting.push({nodes[child].lowest_token, child, target});
    }
  }
  return std::move(result).finish();
}

}  // namespace parley
