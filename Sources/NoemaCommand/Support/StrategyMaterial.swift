internal import Foundation
internal import Noema

/// What a run clusters, and what else is known of it, wherever the maps come from.
struct StrategyMaterial {
  /// The classes with their maps.
  var groups: [SpRAYStudy.Group]
  /// What made the maps, and what received relevance.
  var method, layer: String
  /// Whether maps are for the classes of labels; else for the network's own answers.
  var usesLabels: Bool
  /// What classes are called.
  var names: ClassNames
  /// Examples that were left out, and why.
  var skipped: [String] = []
  /// The network and the images; nil where they are not given.
  var network: NetworkData?
  /// What is said of the model and of the data.
  var model: RunRecord.ModelRecord?
  var data: [String: String]
  /// The relevance of examples as the method made it; nil where it is not kept.
  var relevance: (([Int]) throws -> Tensor)?
  /// The outputs for examples; nil where nobody knows them.
  var outputs: (([Int]) throws -> Tensor)?
}

/// Which class is explained for each example.
enum ExplainedClass: String, CaseIterable {
  case label, predicted
}

/// What classes are called, and their numbers.
struct ClassNames {
  private var names: [Int: String] = [:]

  init() {}
  init(_ names: [String]) {
    self.names = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($0, $1) })
  }

  /// The name of a class, or its number.
  func name(_ index: Int) -> String { names[index] ?? String(index) }

  /// The classes that are named by name or number.
  ///
  /// - Parameter known: the classes that there are.
  func index(_ text: String, among known: [Int]) throws -> Int {
    if let index = known.first(where: { name($0) == text }) { return index }
    if let index = Int(text), known.contains(index) { return index }
    if let index = known.first(where: { name($0).lowercased() == text.lowercased() }) { return index }
    throw ConceptError(
      .unknownName(
        text, what: "class (the data has \(Self.listed(known.map(name))))",
        suggestions: EditDistance.nearest(text, in: known.map(name))))
  }

  private static func listed(_ names: [String]) -> String {
    names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
  }

  /// The numbers that words stand for: those of names, else whole numbers, else the places among all words.
  mutating func numbers(of words: [String]) -> [Int] {
    let known = Dictionary(names.map { ($1, $0) }, uniquingKeysWith: min)
    if words.allSatisfy({ known[$0] != nil }) { return words.map { known[$0] ?? 0 } }
    let whole = words.compactMap { word in Int(word).flatMap { $0 >= 0 ? $0 : nil } }
    if whole.count == words.count { return whole }
    let sorted = Array(Set(words)).sorted()
    self = ClassNames(sorted)
    let places = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, $0) })
    return words.map { places[$0] ?? 0 }
  }
}

/// Which classes are looked at.
enum ChosenClasses {
  case all
  case named([String])

  /// `all`, or names and numbers.
  init(_ texts: [String]) { self = texts.isEmpty || texts == ["all"] ? .all : .named(texts) }

  var isAll: Bool { if case .all = self { true } else { false } }

  /// The numbers of the classes in the order in which they are looked at.
  ///
  /// - Parameter found: the class that each example is explained for; nil for none.
  func numbers(_ found: [Int?], index: (String, [Int]) throws -> Int) throws -> [Int] {
    let known = Set(found.compactMap { $0 }).sorted()
    guard case .named(let texts) = self else { return known }
    var numbers: [Int] = []
    for text in texts {
      let number = try index(text, known)
      if !numbers.contains(number) { numbers.append(number) }
    }
    return numbers
  }
}
