import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct TokenEmbeddingTests {
  /// Segments, then words through a cast, both looked up in tables; their sum is classified.
  private func subject() throws -> Subject {
    var draft = ModelDraft()
    draft.input("ids", [nil, 4], .int32)
    draft.input("segments", [nil, 4], .int64)
    draft.input("scale", [nil, 1])
    draft.initialiser("words", Tensor(shape: [7, 3], repeating: Float(1)))
    draft.initialiser("kinds", Tensor(shape: [2, 3], repeating: Float(1)))
    draft.node("Gather", ["kinds", "segments"], ["kind"])
    draft.node("Cast", ["ids"], ["wide"], ["to": .int(7)])
    draft.node("Gather", ["words", "wide"], ["word"])
    draft.node("Add", ["kind", "word"], ["sum"])
    draft.node("ReduceMean", ["sum"], ["mean"], ["axes": .ints([1]), "keepdims": .int(0)])
    draft.node("Mul", ["mean", "scale"], ["logits"])
    draft.output("logits", [nil, 3])
    return Subject(try Network(bytes: draft.bytes()))
  }

  @Test func eachInputHasItsOwnTable() throws {
    let subject = try subject()
    #expect(try subject.embeddingLayer(of: "ids") == "word")
    #expect(try subject.embeddingLayer(of: "segments") == "kind")
  }

  @Test func otherInputsAreRefused() throws {
    let subject = try subject()
    let error = #expect(throws: GraphError.self) { try subject.embeddingLayer(of: "scale") }
    #expect(error?.description.contains("'scale' pick no rows of a table") == true)
    let unknown = #expect(throws: GraphError.self) { try subject.embeddingLayer(of: "idz") }
    #expect(unknown?.description.contains("no value named 'idz'; did you mean 'ids'") == true)
  }
}
