/// Pages of lists: keyset cursors bound to what is listed, and pages bounded in rows and bytes.
///
/// A cursor is base64url of a hash of the list, its filter and order, and the last row's key. It is
/// opaque, not secret: the owner stands in every WHERE anyway.
#pragma once

#include <string>
#include <string_view>

#include "actors/protocol.hpp"
#include "storage/connection.hpp"

namespace parley::storage {

inline constexpr int32_t page_items_max = 100;

class page_plan {
 public:
  page_plan(std::string_view list, const page_request& request);

  /// Adds a piece of the filter: a cursor of another value does not fit. Before check().
  void bind_to(std::string_view filter);
  /// errc::malformed, reason cursor_mismatch, unless the cursor is none or one of this list with a
  /// key of `key_bytes`, and up to `text_bytes_max` behind them; errc::invalid_input for a limit
  /// outside 1..100.
  expected<void> check(size_t key_bytes, size_t text_bytes_max = 0);

  int64_t limit() const { return request_.limit; }
  /// " DESC" or "".
  std::string_view direction() const { return request_.is_descending ? " DESC" : ""; }
  /// " AND <columns> < <parameters>" in the page's direction; nothing on the first page.
  std::string after(std::string_view columns, std::string_view parameters) const;
  /// Of the last row of the page before; empty on the first page.
  std::string_view key() const { return key_; }
  std::string cursor_at(std::string_view key) const;

 private:
  page_request request_;
  std::string filter_;
  std::string key_;
};

/// Integers in keys are 8 bytes, big-endian.
std::string key_of(int64_t number);
int64_t number_in_key(std::string_view key);
template <class Tag>
std::string key_of(const basic_id<Tag>& id) {
  return {id.bytes.begin(), id.bytes.end()};
}

/// Bytes of texts and blobs in the present row.
size_t row_bytes(const query& row);

/// Fills a page from the rows of `q`, which asks for one row more than the limit. `read_row` makes
/// an expected<Item> of the present row, `key_at` its key. A page has at least one row, however
/// large.
template <class Item, class ReadRow, class KeyAt>
expected<page_of<Item>> fill_page(const page_plan& plan, query& q, size_t bytes_max,
                                  std::pair<ReadRow, KeyAt> rows) {
  page_of<Item> page;
  size_t bytes = 0;
  std::string last_key;
  for (;;) {
    TRY(bool has_row, q.step());
    if (!has_row) return page;
    bytes += row_bytes(q);
    auto is_full = static_cast<int64_t>(page.items.size()) == plan.limit() || bytes > bytes_max;
    if (is_full && !page.items.empty()) {
      page.next_cursor = plan.cursor_at(last_key);
      return page;
    }
    last_key = rows.second(q);
    TRY(auto item, rows.first(q));
    page.items.push_back(std::move(item));
  }
}

}  // namespace parley::storage
