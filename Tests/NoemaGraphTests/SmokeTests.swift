import NoemaTensor
import Testing

@testable import NoemaGraph
import Foundation

@Test(.enabled(if: ProcessInfo.processInfo.environment["NOEMA_MODEL"] != nil)) func tryModel() throws {
  let path = ProcessInfo.processInfo.environment["NOEMA_MODEL"]!
  let network = try Network(contentsOf: path)
  let graph = try network.graph(batch: 8).applying(Pass.canonical)
  for layer in graph.layers() { print(layer.name, layer.onnxValue, layer.ordinal, layer.shape, layer.isCut) }
  let session = try Session(graph)
  var random = RandomNumbers(seed: 1)
  let inputs = session.inputTypes.map { t in Tensor(shape: t.shape, (0..<t.count).map { _ in Float(random.normal()) }) }
  let clock = ContinuousClock()
  for _ in 0..<5 { print(try clock.measure { _ = try session.run(inputs, profiling: true) }) }
  let fast = try session.run(inputs)[0].elements(as: Float.self)
  if ProcessInfo.processInfo.environment["NOEMA_REF"] != nil {
    let slow = try graph.interpreted(inputs)[0].elements(as: Float.self)
    print("max diff", zip(fast, slow).map { abs($0 - $1) }.max()!, "of", slow.map(abs).max()!)
  }
  print(session.profile().sorted { $0.seconds > $1.seconds }.prefix(12).map { "\($0.operation) \($0.implementation) \($0.seconds * 1000) ms \(Double($0.multiplyAdds) * 2e-9 / $0.seconds) GF" }.joined(separator: "\n"))
  var back = try graph.backward(from: graph.outputs[0], to: [graph.inputs[0]])
  back.graph.outputs = [back.cotangents[0]!]
  let grad = try Session(back.graph)
  let seed = Tensor(shape: grad.inputTypes[1].shape, repeating: Float(1))
  for _ in 0..<5 { print("grad", try clock.measure { _ = try grad.run([inputs[0], seed], profiling: true) }) }
  print(grad.profile().sorted { $0.seconds > $1.seconds }.prefix(22).map { "\($0.operation) \($0.implementation) \($0.seconds * 1000) ms \(Double($0.multiplyAdds) * 2e-9 / $0.seconds) GF" }.joined(separator: "\n"))
  print("arena", session.workingByteCount, grad.workingByteCount)
}
