internal import ArgumentParser
internal import Foundation
internal import Noema

/// Which input of a network holds tokens, and what they are called.
struct TokenOptions: ParsableArguments {
  @Option(
    help: "The tokens of an input of whole numbers: a file with one a line, or a .json of their numbers.")
  var vocabulary: String?
  @Option(help: "The input that holds tokens; the first of whole numbers where a vocabulary is known.")
  var tokens: String?

  /// The texts of the data; nil where nothing says that there are any.
  func text(_ model: LoadedModel, _ feed: ExampleFeed) throws -> TokenText? {
    let vocabulary = try vocabulary.map { try Vocabulary(path: $0) } ?? model.vocabulary
    let inputs = model.network.inputs.filter { !$0.element.isFloat }.map(\.name)
    if let tokens, !inputs.contains(tokens) {
      throw GraphError(
        .unknownName(
          tokens, what: "input of whole numbers", suggestions: EditDistance.nearest(tokens, in: inputs)))
    }
    guard tokens != nil || vocabulary != nil else { return nil }
    guard let input = tokens ?? inputs.first, let numbers = feed.array(of: input) else {
      // A card may describe tokens for other programs; a flag is meant.
      guard self.vocabulary != nil else { return nil }
      throw ValidationError("--vocabulary names whole numbers, but the network takes none.")
    }
    return try TokenText(input, numbers, vocabulary, path: feed.dataset.path)
  }
}

/// The texts of a data set: tokens that are numbers of a vocabulary.
struct TokenText {
  /// The input that holds the tokens.
  let input: String
  /// Tokens of each text.
  let length: Int
  private let numbers: [Int64]
  private let vocabulary: Vocabulary?

  fileprivate init(_ input: String, _ array: Tensor, _ vocabulary: Vocabulary?, path: String) throws {
    let place = "\(path)[\(input)]"
    guard array.rank == 2, array.shape[1] > 0 else {
      throw DataError(.shape(found: array.shape, expected: [array.shape[0], -1]), at: place)
    }
    numbers = array.converted(to: .int64).elements(as: Int64.self)
    (self.input, self.vocabulary, length) = (input, vocabulary, array.shape[1])
    guard let vocabulary else { return }
    if let bad = numbers.firstIndex(where: { !(0..<Int64(vocabulary.tokens.count)).contains($0) }) {
      throw DataError(
        .malformed(
          "token \(numbers[bad]) at position \(bad % length) of example \(bad / length) is not among the "
            + "\(vocabulary.tokens.count) of the vocabulary; take the vocabulary that the network was trained with"
        ),
        at: place)
    }
  }

  /// The tokens of a text.
  func pieces(of example: Int) -> [Vocabulary.Piece] {
    numbers[example * length..<(example + 1) * length].map { number in
      vocabulary?.piece(Int(number)) ?? Vocabulary.unnamed(Int(number))
    }
  }

  /// A group for each token of `[tokens, features]`, so that methods take whole tokens away; nil for other shapes.
  func groups(over shape: [Int]) -> Tensor? {
    guard shape.count == 2, shape[0] == length else { return nil }
    return Tensor(shape: shape, (0..<shape[0] * shape[1]).map { Int32($0 / shape[1]) })
  }
}
