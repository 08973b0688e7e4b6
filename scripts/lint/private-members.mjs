/** One style for private members: `private`, which parameter properties of constructors need anyway, and no `#names`. */
const rule = {
  create: (context) => ({
    PrivateIdentifier: (node) =>
      context.report({ node, message: `Write "private ${node.name}" instead of "#${node.name}".` }),
  }),
};

export default { meta: { name: 'house' }, rules: { 'private-members': rule } };
