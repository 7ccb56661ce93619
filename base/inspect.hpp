/// PARLEY_INSPECT(type, member...) makes a struct a CAF message: it can be sent, serialized and
/// printed. Members are listed once, in the order of the struct. Records use base/record.hpp, which
/// derives the same from their field list.
///
/// The code for it is made once, in the inspectors.cpp of the struct's folder, not in every file
/// that sends the message: that took most of the time to compile an actor. A struct of one .cpp
/// alone uses PARLEY_INSPECT_HERE.
#pragma once

#include <caf/all.hpp>
#include <optional>

// For each argument; nests by deferred expansion, up to 256 arguments (C++20 __VA_OPT__).
#define PARLEY_PARENS ()
#define PARLEY_EXPAND(...) \
  PARLEY_EXPAND3(PARLEY_EXPAND3(PARLEY_EXPAND3(PARLEY_EXPAND3(__VA_ARGS__))))
#define PARLEY_EXPAND3(...) \
  PARLEY_EXPAND2(PARLEY_EXPAND2(PARLEY_EXPAND2(PARLEY_EXPAND2(__VA_ARGS__))))
#define PARLEY_EXPAND2(...) \
  PARLEY_EXPAND1(PARLEY_EXPAND1(PARLEY_EXPAND1(PARLEY_EXPAND1(__VA_ARGS__))))
#define PARLEY_EXPAND1(...) __VA_ARGS__
#define PARLEY_EACH(macro, ...) __VA_OPT__(PARLEY_EXPAND(PARLEY_EACH_(macro, __VA_ARGS__)))
#define PARLEY_EACH_(macro, first, ...) \
  macro(first) __VA_OPT__(PARLEY_EACH_AGAIN PARLEY_PARENS(macro, __VA_ARGS__))
#define PARLEY_EACH_AGAIN() PARLEY_EACH_

// CAF's inspectors: to bytes, from bytes, to text. Before an inspectors.cpp includes the headers of
// its folder it defines PARLEY_INSPECTOR as nothing.
#define PARLEY_INSPECTOR extern
// NOLINTBEGIN(bugprone-macro-parentheses): a type's name takes none
#define PARLEY_INSPECTORS(type)                                            \
  PARLEY_INSPECTOR template caf::error inspect(caf::serializer&, type&);   \
  PARLEY_INSPECTOR template caf::error inspect(caf::deserializer&, type&); \
  PARLEY_INSPECTOR template void inspect(caf::detail::stringification_inspector&, type&);
// NOLINTEND(bugprone-macro-parentheses)

#define PARLEY_INSPECT(type, ...)                      \
  PARLEY_INSPECT_HERE(type __VA_OPT__(, ) __VA_ARGS__) \
  PARLEY_INSPECTORS(type)

#define PARLEY_INSPECT_MEMBER(member) , value.member
#define PARLEY_INSPECT_HERE(type, ...)                                                          \
  template <class Inspector>                                                                    \
  typename Inspector::result_type inspect(Inspector& inspector, [[maybe_unused]] type& value) { \
    return inspector(caf::meta::type_name(#type)                                                \
                         PARLEY_EACH(PARLEY_INSPECT_MEMBER __VA_OPT__(, ) __VA_ARGS__));        \
  }

// CAF 0.17 does not know std::optional: one overload for inspectors that read a value out of it,
// one for those that write into it.
namespace caf {

template <class Inspector, class T>
std::enable_if_t<Inspector::reads_state, typename Inspector::result_type> inspect(
    Inspector& inspector, std::optional<T>& value) {
  uint8_t is_set = value ? 1 : 0;
  return value ? inspector(is_set, *value) : inspector(is_set);
}

template <class Inspector, class T>
std::enable_if_t<Inspector::writes_state, typename Inspector::result_type> inspect(
    Inspector& inspector, std::optional<T>& value) {
  uint8_t is_set = 0;
  if (auto e = inspector(is_set)) return e;
  if (is_set == 0) {
    value.reset();
    return error{};
  }
  return inspector(value.emplace());
}

}  // namespace caf
