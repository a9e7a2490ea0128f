@_exported public import NoemaAttribution
@_exported public import NoemaConcepts
@_exported public import NoemaData
@_exported public import NoemaGraph
@_exported public import NoemaReport
@_exported public import NoemaRules
@_exported public import NoemaTensor
