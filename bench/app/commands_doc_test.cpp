// SPDX-License-Identifier: Apache-2.0
// docs/commands.md against --help: every command has its section and every flag stands in it, and
// no section names a flag that its command does not have.
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "bench/testing/cli_fixture.h"

namespace permafrost {
namespace commands_doc_test {

using Flags = std::set<std::string>;

const Flags kCommon{"--help", "--device", "--threads", "--seed", "--json", "--quiet"};

Flags flags_in(const std::string& text, const std::regex& form) {
  Flags flags;
  for (std::sregex_iterator it(text.begin(), text.end(), form), end; it != end; ++it)
    flags.insert((*it)[1]);
  return flags;
}

// Of a --help: flags stand at the beginning of a line.
Flags flags_of_help(const std::string& help) {
  std::istringstream lines(help);
  Flags flags;
  const std::regex form("^ +(?:-[a-z], *)?(--[a-z][a-z-]*)");
  for (std::string line; std::getline(lines, line);)
    if (std::smatch found; std::regex_search(line, found, form)) flags.insert(found[1]);
  return flags;
}

// The names below "Subcommands:".
std::vector<std::string> commands_of_help(const std::string& help) {
  std::vector<std::string> names;
  std::istringstream lines(help.substr(std::min(help.size(), help.find("ubcommands:"))));
  std::string line;
  std::getline(lines, line);
  const std::regex form("^  ([a-z]+)");
  while (std::getline(lines, line))
    if (std::smatch found; std::regex_search(line, found, form)) names.push_back(found[1]);
  return names;
}

class CommandsDoc : public Cli {
 protected:
  std::string section(const std::string& heading) const {
    const std::string doc = read_file(std::string(PERMAFROST_SOURCE_DIR) + "/docs/commands.md");
    const auto begin = doc.find("\n## " + heading + "\n");
    if (begin == std::string::npos) return "";
    return doc.substr(begin + 1, doc.find("\n## ", begin + 4) - begin - 1);
  }

  void expect_documented(const std::string& command) const {
    const std::string text = section("permafrost " + command);
    ASSERT_FALSE(text.empty()) << "docs/commands.md has no section '## permafrost " << command
                               << "'";
    Flags helped = flags_of_help(program(command + " --help").out);
    ASSERT_TRUE(helped.count("--help")) << command;
    for (const auto& flag : kCommon) helped.erase(flag);
    // What a section says of a command may name the common flags, and others in its examples.
    const Flags in_table = flags_in(text, std::regex("\n\\| *`(--[a-z][a-z-]*)"));
    EXPECT_EQ(in_table, helped) << "flags of docs/commands.md against --help of " << command;
  }
};

TEST_F(CommandsDoc, EveryCommandAndFlagHasItsPlace) {
  const auto commands = commands_of_help(program("--help").out);
  ASSERT_GE(commands.size(), 13U);
  for (const auto& command : commands) {
    if (command != "data") {
      expect_documented(command);
      continue;
    }
    const auto below = commands_of_help(program("data --help").out);
    ASSERT_GE(below.size(), 4U);
    for (const auto& name : below) expect_documented("data " + name);
  }
}

TEST_F(CommandsDoc, FlagsOfEveryCommandAreDocumentedOnce) {
  const std::string text = section("Flags of every command");
  for (const auto& flag : kCommon) EXPECT_NE(text.find("`" + flag), std::string::npos) << flag;
}

}  // namespace commands_doc_test
}  // namespace permafrost
