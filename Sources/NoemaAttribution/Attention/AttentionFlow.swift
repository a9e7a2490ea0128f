internal import NoemaGraph
internal import NoemaTensor

/// The largest flow from a token behind the last layer to each token before the first, through a network of
/// tokens whose connections between layers carry at most `Ã = (A + I) / 2`. It does not depend on the
/// class. A mean of tokens lets as much begin at each.
///
/// - Complexity: a maximum flow through `layers · tokens²` connections for each token.
/// - Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", 2020, section 4.
public struct AttentionFlow: AttributionMethod, Hashable, Codable {
  /// How heads become one.
  public var heads: HeadFusion
  /// The token that the flow begins at.
  public var attending: AttendingToken
  /// How tokens lie on an image.
  public var layout: MapLayout
  /// Tokens above which it takes too long to be of use.
  private static let mostTokens = 128

  /// Makes the method; from the class token, with the mean of heads, unless told otherwise.
  public init(
    heads: HeadFusion = .mean, attending: AttendingToken = .classToken, layout: MapLayout = .automatic
  ) {
    self.heads = heads
    self.attending = attending
    self.layout = layout
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    let runner = try AttentionRunner(subject, layout: layout)
    guard runner.tokens <= Self.mostTokens else {
      throw GraphError(
        .unsupported(
          "attention flow is worked out for up to \(Self.mostTokens) tokens, this network has "
            + "\(runner.tokens); use attention rollout"))
    }
    return try AttentionAttributor(runner, attending, heads) { attention in
      let network = FlowNetwork(attention)
      return attention.tokens.indices.map { network.largestFlow(to: $0) }
    }
  }
}

/// Tokens behind each layer, from the last layer down, connected by what attention lets pass.
private struct FlowNetwork {
  /// Where each connection leads; connection `i ^ 1` is the way back along `i`.
  private var targets: [Int] = []
  private var capacities: [Double] = []
  /// The connections that leave each node.
  private var leaving: [[Int]]
  private let source: Int
  private let bottom: Int

  init(_ attention: TokenAttention) {
    let count = attention.tokens.count
    bottom = attention.layers.count * count
    source = bottom + count
    leaving = Array(repeating: [], count: source + 1)
    for (token, share) in attention.start.enumerated() { connect(source, token, share) }
    for (depth, layer) in attention.layers.reversed().enumerated() {
      let layer = layer.withResidual()
      for from in 0..<count {
        for to in 0..<count { connect(depth * count + from, (depth + 1) * count + to, layer[from, to]) }
      }
    }
  }

  private mutating func connect(_ from: Int, _ to: Int, _ capacity: Double) {
    guard capacity > 0 else { return }
    leaving[from].append(targets.count)
    leaving[to].append(targets.count + 1)
    targets += [to, from]
    capacities += [capacity, 0]
  }

  /// The largest flow from the source to a token before the first layer (Dinic's algorithm).
  func largestFlow(to token: Int) -> Double {
    var search = FlowSearch(network: self, capacities: capacities, sink: bottom + token)
    var total = 0.0
    while search.findLevels(from: source) {
      while case let flow = search.push(source, .infinity), flow > 0 { total += flow }
    }
    return total
  }

  private struct FlowSearch {
    let network: FlowNetwork
    var capacities: [Double]
    let sink: Int
    private var levels: [Int] = []
    private var next: [Int] = []
    /// What rounding leaves of a connection that is used up.
    private static let nothing = 1e-14

    init(network: FlowNetwork, capacities: [Double], sink: Int) {
      self.network = network
      self.capacities = capacities
      self.sink = sink
    }

    /// Numbers nodes by their distance over open connections; false when the sink is cut off.
    mutating func findLevels(from source: Int) -> Bool {
      levels = Array(repeating: -1, count: network.leaving.count)
      next = Array(repeating: 0, count: network.leaving.count)
      levels[source] = 0
      var queue = [source], first = 0
      while first < queue.count, levels[sink] < 0 {
        let node = queue[first]
        first += 1
        for edge in network.leaving[node]
        where capacities[edge] > Self.nothing && levels[network.targets[edge]] < 0 {
          levels[network.targets[edge]] = levels[node] + 1
          queue.append(network.targets[edge])
        }
      }
      return levels[sink] >= 0
    }

    /// Sends a flow along one way from a node to the sink, each step a level further.
    mutating func push(_ node: Int, _ limit: Double) -> Double {
      if node == sink { return limit }
      while next[node] < network.leaving[node].count {
        let edge = network.leaving[node][next[node]], target = network.targets[edge]
        if capacities[edge] > Self.nothing, levels[target] == levels[node] + 1,
          case let flow = push(target, min(limit, capacities[edge])), flow > 0
        {
          capacities[edge] -= flow
          capacities[edge ^ 1] += flow
          return flow
        }
        next[node] += 1
      }
      return 0
    }
  }
}
