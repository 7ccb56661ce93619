/// Any message or record with every field set to something that is not its default. It walks the
/// fields as CAF does, so a field that is added is filled without a word here.
#pragma once

#include "actors/protocol.hpp"
#include "schema/change.hpp"

namespace parley::tests {

/// A CAF inspector that writes made-up values.
class filler {
 public:
  using result_type = error;
  static constexpr bool reads_state = false;
  static constexpr bool writes_state = true;

  template <class... Ts>
  error operator()(Ts&&... xs) {
    (fill(xs), ...);
    return {};
  }

 private:
  template <class T>
  void fill(T& x) {
    // An annotation is a type's name. To a handle another node would get a proxy.
    constexpr bool is_skipped = caf::meta::is_annotation<T>::value ||
                                caf::meta::is_annotation<const T>::value ||
                                caf::is_handle<T>::value;
    if constexpr (is_skipped) {
      return;
    } else if constexpr (std::is_same_v<T, bool>) {
      x = true;
    } else if constexpr (std::is_arithmetic_v<T>) {
      x = static_cast<T>(1 + number_++ % 100);
    } else if constexpr (std::is_enum_v<T>) {
      x = static_cast<T>(2);
    } else if constexpr (std::is_same_v<T, std::string>) {
      x = "text " + std::to_string(number_++);
    } else if constexpr (std::is_same_v<T, error>) {
      error_detail detail{"reason", {{"/field", "rule", "1", "sentence"}}, 7, "id"};
      x = make_error(errc::conflict, "sentence", detail);
    } else if constexpr (std::is_same_v<T, change>) {
      fill_change(x);
    } else {
      fill_many_or_inspect(x);
    }
  }

  template <class T, class A>
  void fill_many_or_inspect(std::vector<T, A>& list) {
    // As many as a change has kinds, so that each one appears.
    list.resize(std::is_same_v<T, change> ? caf::detail::tl_size<change::types>::value : 2);
    for (auto& item : list) fill(item);
  }
  template <class T, size_t Size>
  void fill_many_or_inspect(std::array<T, Size>& list) {
    for (auto& item : list) fill(item);
  }
  template <class T>
  void fill_many_or_inspect(std::optional<T>& value) {
    fill(value.emplace());
  }
  template <class T>
  void fill_many_or_inspect(T& value) {
    inspect(*this, value);
  }

  template <size_t Index = 0>
  void fill_change(change& x) {
    if (change_ % caf::detail::tl_size<change::types>::value == Index) {
      ++change_;
      typename caf::detail::tl_at<change::types, Index>::type value;
      fill(value);
      x = std::move(value);
    } else if constexpr (Index + 1 < caf::detail::tl_size<change::types>::value) {
      fill_change<Index + 1>(x);
    }
  }

  int number_ = 0;
  size_t change_ = 0;
};

template <class T>
T filled() {
  T value{};
  filler fill;
  fill(value);
  return value;
}

}  // namespace parley::tests
