/// Empties a value that is kept, and gives its memory back. Pure, never fails.
///
/// `text = {}` keeps the buffer: libstdc++ copies a short string into the one that is there.
#pragma once

#include <utility>

namespace parley {

template <class T>
void release(T& value) {
  auto released = std::move(value);
  value = T{};
}

}  // namespace parley
