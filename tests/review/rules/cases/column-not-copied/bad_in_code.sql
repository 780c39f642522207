do $$ begin
    create table products_new (id bigint generated always as identity primary key, title text not null);
    insert into products_new (title) select title from products;
    drop table products;
    alter table products_new rename to products;
end $$;
