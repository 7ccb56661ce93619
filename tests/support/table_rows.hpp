/// Walks the rows of an actor's table at compile time.
#pragma once

#include "actors/protocol.hpp"

namespace parley::tests {

/// One row: the message and what answers it, void for a tell.
template <class M, class R>
struct row {
  using message = M;
  using answer = R;
};

namespace detail {

template <class Signature>
struct row_of;
template <class M, class R>
struct row_of<caf::typed_mpi<caf::detail::type_list<M>, caf::output_tuple<R>>> {
  using type = row<M, R>;
};

template <class Table>
struct rows;
template <class... Signatures>
struct rows<caf::typed_actor<Signatures...>> {
  template <class Visit>
  static void each(Visit&& visit) {
    (visit(typename row_of<Signatures>::type{}), ...);
  }
};

}  // namespace detail

/// Calls visit(row<M, R>{}) for each row.
template <class Table, class Visit>
void each_row(Visit&& visit) {
  detail::rows<Table>::each(std::forward<Visit>(visit));
}

}  // namespace parley::tests
