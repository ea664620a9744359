// SPDX-License-Identifier: Apache-2.0
#pragma once

// Heads from files. What is understood:
//
//   V-JEPA 1 probe      entry "classifier"; one that has the (never applied) xattn.proj
//   V-JEPA 2 probe      entries "classifiers.0" ...; without xattn.proj, blocks on the tokens
//   Hugging Face        VJEPA2ForVideoClassification, VideoMAEForVideoClassification (the encoder's
//                       tensors in the same file are not the head's business)
//   ours                .safetensors with the specification in its metadata
//
// Every tensor has a fate: used, or known to be unused; what is missing, unexpected or of another
// shape stops the load with a list.
//
//   const Classifier head = load_classifier("k400-probe.pth.tar", {.encoder_heads = 16}, "--head");
#include <filesystem>
#include <string>
#include <vector>

#include "models/encoders/checkpoints/checkpoint.h"
#include "probes/heads/classifier.h"

namespace permafrost {

struct Classifier {
  std::string name, source;  // stem of the file, the file
  std::string kind;          // "V-JEPA 1 probe"
  ClassifierSpec spec;
  ClassifierWeights weights;             // float32, no gradients
  std::vector<std::string> class_names;  // in order of the class index; empty where none are known
  std::vector<std::string> unused;       // tensors of the head that no formula needs, by name
  std::string sha256;                    // of names, shapes and values
  Json provenance;                       // of our own files; null elsewhere
};

struct ClassifierOptions {
  int heads = 0;          // of the attention; 0: as the file's family has it
  int encoder_heads = 0;  // those of the encoder that it is for; 0: not known
  std::string entry;      // among several heads of a file ("classifiers.3"); empty: the first
};

// Does the file hold tensors of a head, of an encoder? A Hugging Face classifier holds both.
struct FileContent {
  bool head = false, encoder = false;
};
FileContent content_of(const Checkpoint& file);

// Throws InputError naming the file: for a file without head ("this is an encoder; name it with
// --encoder"), for tensors that do not fit, for a number of attention heads that nothing tells.
Classifier read_classifier(const Checkpoint& file, const ClassifierOptions& options = {});

// read_classifier of a path; InputError naming `flag` where there is no such file.
Classifier load_classifier(const std::string& path, const ClassifierOptions& options,
                           const std::string& flag);

// As our own .safetensors file, whole or not at all.
void save_classifier(const std::filesystem::path& path, const Classifier& classifier);

std::string hash_of(const Classifier& classifier);

}  // namespace permafrost
