// What every file of floors 3 and 4 needs beside cmake/precompiled.hpp: the message tables with the
// records in them, half of the time that such a file takes to compile.
#pragma once

#include "cmake/precompiled.hpp"

#include "actors/admin.hpp"
#include "actors/counter.hpp"
#include "actors/directory.hpp"
#include "actors/edge.hpp"
#include "actors/hasher.hpp"
#include "actors/jobs.hpp"
#include "actors/provider.hpp"
#include "actors/storage.hpp"
#include "actors/user.hpp"
