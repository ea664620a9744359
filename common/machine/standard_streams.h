// SPDX-License-Identifier: Apache-2.0
#pragma once

// Standard input, output and error of a program. For main().

namespace permafrost {

// First of all in main(). What was closed by whoever started the program is opened as /dev/null;
// else the first file that is opened would take its number, and what is printed would go there.
// Writing to an output that was closed fails, as it did.
void reserve_standard_streams();

// Last of all in main(). Returns whether all that was printed to standard output got there. Where
// it did not, says so in one line on standard error beginning with `program`; says nothing where
// the reader of a pipe has gone away, as it has seen enough.
bool flush_standard_output(const char* program);

}  // namespace permafrost
