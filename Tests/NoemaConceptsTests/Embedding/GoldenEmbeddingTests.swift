import NoemaTensor
import Testing

@testable import NoemaConcepts

/// Digits, laid out by scikit-learn and umap-learn.
@Suite struct GoldenEmbeddingTests {
  /// What a layout may lose against another tool's.
  private let loss = 0.01

  @Test(arguments: [5, 12, 100])
  func trustworthinessIsScikitLearns(_ k: Int) throws {
    let digits = try GoldenFixture("digits")
    let points = try digits.points("points").selecting(Array(0..<500))
    let found = try Trustworthiness(neighborCount: k).score(
      of: try digits.points("few/plane-points").matrix, for: points)
    // Whole numbers tie, and each tool has its own order among equals.
    #expect(try abs(found - digits.number("few/trustworthiness-\(k)")) < 2e-4)
  }

  @Test(arguments: [(TSNE.Method.exact, 500), (.barnesHut, 1797)])
  func similarNeighboursAreTrusted(_ setting: (TSNE.Method, Int)) throws {
    let (method, count) = setting
    let digits = try GoldenFixture("digits")
    let points = try digits.points("points").selecting(Array(0..<count))
    var settings = TSNE()
    settings.method = method
    let score = try Trustworthiness().score(of: settings.embed(points).coordinates, for: points)
    let theirs = try digits.number(method == .exact ? "few/tsne" : "all/tsne")
    #expect(score >= theirs - loss, "\(score) and \(theirs)")
  }

  @Test(arguments: [0, 1] as [UInt64])
  func fuzzyNeighboursAreTrusted(_ seed: UInt64) throws {
    let digits = try GoldenFixture("digits"), points = try digits.points("points")
    let layout = try UMAP(seed: seed).embed(points)
    let score = try Trustworthiness().score(of: layout.coordinates, for: points)
    let theirs = try Statistics.mean(digits.numbers("all/umap"))
    #expect(score >= theirs - loss, "\(score) and \(theirs)")
  }

  @Test func theFuzzyGraphIsUMAPLearns() throws {
    let trees = try GoldenFixture("trees"), points = try trees.points("blobs/points")
    let found = try FuzzyGraph(NearestNeighbors.find(points, k: 14)).weights.dense
    let expected = try trees.graph("blobs/umap", count: points.count).dense
    // It computes in float32 and stops its search at 1e-5.
    #expect(PlantedLayer.distance(found.elements, expected.elements) < 1e-4)
  }
}
