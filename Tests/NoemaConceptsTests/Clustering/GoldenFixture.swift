import Foundation
import NoemaData
import NoemaTensor
import Testing

@testable import NoemaConcepts

/// Points, and what scikit-learn, SciPy, umap-learn and CoRelAy make of them; scripts/golden/clustering.py writes them.
struct GoldenFixture {
  private let file: NPZFile

  init(_ name: String) throws {
    let folder = try #require(Bundle.module.resourceURL)
    file = try NPZFile(path: folder.appendingPathComponent("Fixtures/clustering/\(name).npz").path)
  }

  func points(_ name: String) throws -> PointSet {
    let tensor = try file.array(named: name).converted(to: .float32)
    return try PointSet(tensor.elements(as: Float.self), count: tensor.shape[0], dimension: tensor.shape[1])
  }

  func numbers(_ name: String) throws -> [Double] {
    try file.array(named: name).converted(to: .float64).elements(as: Double.self)
  }

  func number(_ name: String) throws -> Double { try #require(try numbers(name).first) }

  func labels(_ name: String) throws -> [Int] {
    try file.array(named: name).converted(to: .int64).elements(as: Int64.self).map { Int($0) }
  }

  func matrix(_ name: String) throws -> Matrix {
    let tensor = try file.array(named: name).converted(to: .float64)
    return Matrix(
      rowCount: tensor.shape[0], columnCount: tensor.shape[1], elements: tensor.elements(as: Double.self))
  }

  /// A graph from the two nodes of each of its edges and their weights.
  func graph(_ name: String, count: Int) throws -> SparseSymmetricMatrix {
    let nodes = try labels("\(name)/pairs"), weights = try numbers("\(name)/weights")
    return try SparseSymmetricMatrix(
      count: count, edges: weights.indices.map { (nodes[2 * $0], nodes[2 * $0 + 1], weights[$0]) })
  }
}
