CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer text NOT NULL,
  item text NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0)
);

INSERT INTO orders (customer, item, quantity) VALUES ('ann', 'lamp', 1), ('bob', 'chair', 4);
